// The records of a run: run.json, events.jsonl, status.json and the coordinator's log.
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { endRecord, recordNotice, type RunFolder } from '@stillhouse/coordinator';
import { tf32Note, threadsNote, type ErrorRecord, type Job, type RunRecord } from '@stillhouse/core';
import type { CoordinatorNotice, CoordinatorState } from '@stillhouse/core/cluster';
import { tunedJob } from '@stillhouse/core/tune';
import { systemClock } from '@stillhouse/transport';
import { statusOf } from '../runs/status.js';
import { valuesOf } from '../tune/baseline.js';
import { BufferedWriter } from './buffered-writer.js';
import { createLog, type Log } from './logger.js';

/** How often, once per second, the end of a run is tried on a full disk. */
const recordTries = 60;

/** A fingerprint begins with the name of its backend. */
const backendOf = (fingerprint: string): string => fingerprint.split(' ', 1)[0];

const now = (): string => new Date().toISOString();

export interface RunListener {
  /** Called with everything that happens, and with the job, including tuned values once they are known. */
  readonly onNotice: (notice: CoordinatorNotice, job: Job) => void;
  readonly onWarning: (text: string) => void;
}

export class RunRecorder {
  readonly log: Log;
  readonly #writer: BufferedWriter;
  #record: RunRecord;
  readonly #shown = new Set<string>();
  /** The job, including tuned values once they are known. */
  #tunedJob: Job;

  constructor(
    private readonly folder: RunFolder,
    record: RunRecord,
    private readonly job: Job,
    private readonly listener: RunListener,
  ) {
    this.#record = record;
    const { tuned, baselineChoice } = record;
    const values = { ...tuned?.values, ...(baselineChoice ? valuesOf(baselineChoice) : {}) };
    this.#tunedJob = Object.keys(values).length > 0 ? tunedJob(job, values) : job;
    this.log = createLog(folder.logFile('coordinator'), 'coordinator');
    this.#writer = new BufferedWriter((event) => folder.appendEvent(event), this.warn);
  }

  readonly warn = (text: string): void => {
    this.log(text);
    this.listener.onWarning(text);
  };

  #warnOnce(text: string | undefined): void {
    if (text === undefined || this.#shown.has(text)) return;
    this.#shown.add(text);
    this.warn(text);
  }

  readonly onNotice = (notice: CoordinatorNotice): void => {
    const before = this.#record;
    this.#record = recordNotice(before, notice, now());
    this.#writer.event({ at: now(), ...notice });
    if (this.#record !== before) this.writeRecord();
    if (notice.type === 'joined') {
      const { fingerprint } = notice.worker;
      this.#warnOnce(threadsNote(this.job.recipe, backendOf(fingerprint)));
      this.#warnOnce(tf32Note(this.job.recipe, fingerprint));
    }
    if (notice.type === 'tuned') this.#tunedJob = tunedJob(this.job, notice.record.values);
    if (notice.type === 'baselineChosen') this.#tunedJob = tunedJob(this.#tunedJob, valuesOf(notice.record));
    if (notice.type !== 'progress' && notice.type !== 'tuning') this.log(notice.type, { notice });
    this.listener.onNotice(notice, this.#tunedJob);
  };

  /** @returns whether it could be written */
  writeRecord(): boolean {
    return this.#writer.write('run.json', () => this.folder.writeRecord(this.#record));
  }

  readonly writeStatus = (state: CoordinatorState): void => {
    this.#writer.flush();
    this.#writer.write('status.json', () =>
      this.folder.writeStatus(statusOf(state, systemClock.now(), { time: now(), pid: process.pid, host: hostname() })),
    );
  };

  /** Writes run.json for the last time; waits up to a minute if the disk is full. */
  async end(error: ErrorRecord | undefined): Promise<RunRecord> {
    this.#record = endRecord(this.#record, now(), error);
    for (let tries = 0; !this.writeRecord() && tries < recordTries; tries++) await delay(1000);
    return this.#record;
  }
}
