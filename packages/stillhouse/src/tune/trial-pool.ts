// Processes that run trials in parallel, one at a time each.
import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fromErrorRecord, StillhouseError } from '@stillhouse/core';
import { programs } from '../programs.js';
import type { FromTrials, ToTrials, TrialRequest, TrialResult, TrialSetting } from './trial-messages.js';

export interface PoolOptions {
  readonly setting: TrialSetting;
  /** Environment variables of each process in addition to this one's; there is one process per entry. */
  readonly environments: readonly NodeJS.ProcessEnv[];
  readonly logFile: string;
}

export class TrialPool {
  readonly #idle: ChildProcess[] = [];
  readonly #all: ChildProcess[] = [];
  #isClosed = false;

  constructor(private readonly options: PoolOptions) {
    for (const environment of options.environments) {
      const log = openSync(options.logFile, 'a');
      const child = fork(programs.trials, {
        env: { ...process.env, ...environment },
        serialization: 'advanced',
        stdio: ['ignore', log, log, 'ipc'],
      });
      closeSync(log);
      this.#say(child, { type: 'begin', setting: options.setting });
      this.#all.push(child);
      this.#idle.push(child);
    }
  }

  get size(): number {
    return this.#all.length;
  }

  /**
   * Runs trials in order, as many at a time as there are processes.
   * @param onResult called with each trial when it ends
   * @throws StillhouseError what a trial throws, WORKER_CRASHED
   */
  async run<Request extends TrialRequest>(
    requests: readonly Request[],
    onResult: (request: Request, result: TrialResult) => void,
  ): Promise<void> {
    const waiting = [...requests];
    const work = async (child: ChildProcess): Promise<void> => {
      for (let request = waiting.shift(); request; request = waiting.shift())
        onResult(request, await this.#ask(child, request));
    };
    await Promise.all(this.#idle.map(work));
  }

  /** Ends all processes, even while they are working. */
  close(): void {
    this.#isClosed = true;
    for (const child of this.#all) child.kill('SIGKILL');
  }

  #say(child: ChildProcess, message: ToTrials): void {
    // A process that has died reports that by itself.
    child.send(message, () => {});
  }

  #ask(child: ChildProcess, { values, fold, phase }: TrialRequest): Promise<TrialResult> {
    return new Promise((resolve, reject) => {
      const settle = (work: () => void): void => {
        child.off('message', onMessage);
        child.off('exit', onExit);
        work();
      };
      const onMessage = (message: FromTrials): void =>
        settle(() => (message.type === 'result' ? resolve(message) : reject(fromErrorRecord(message.error))));
      const onExit = (code: number | null, signal: NodeJS.Signals | null): void =>
        settle(() =>
          reject(
            this.#isClosed
              ? new StillhouseError('INTERRUPTED', 'the search was interrupted')
              : new StillhouseError(
                  'WORKER_CRASHED',
                  `a process that ran trials ${signal ? `was killed by ${signal}` : `ended with exit code ${code}`}; ` +
                    `its log is ${this.options.logFile}`,
                ),
          ),
        );
      if (child.exitCode !== null || child.signalCode !== null) return onExit(child.exitCode, child.signalCode);
      child.on('message', onMessage);
      child.on('exit', onExit);
      this.#say(child, { type: 'run', request: { values, fold, phase } });
    });
  }
}
