// The folder of a run, in memory, with what disks do: fill up, tear the record that was being written, lose what was
// not synced, and spoil files.
import { createHash } from 'node:crypto';
import { StillhouseError, type ExportedModel, type PhaseName, type RandomStream } from '@stillhouse/core';
import type { CheckpointRecord, JournalRecord } from '@stillhouse/core/cluster';
import type { CheckpointSink, RunStore } from '@stillhouse/coordinator';
import type { SimProcess } from './network.js';

type Key = Pick<CheckpointRecord, 'phase' | 'ops' | 'sha256'>;

export class SimDisk {
  #journal = '';
  readonly #checkpoints = new Map<string, Uint8Array>();
  readonly models = new Map<PhaseName, Uint8Array>();
  isFull = false;
  /** The next append tears its record, and the process dies of it. */
  tearNext: (() => void) | undefined;
  term = 0;

  constructor(
    private readonly random: RandomStream,
    private readonly onCheckpoint: (bytes: Uint8Array) => void,
  ) {}

  /** What is left after a crash: a record that was not written whole is cut off. */
  journal(): string {
    const whole = this.#journal.slice(0, this.#journal.lastIndexOf('\n') + 1);
    this.#journal = whole;
    return whole;
  }

  /**
   * Some of the newest records were never written, though the disk said so. Terms are. @returns whether there were any
   */
  loseRecords(): boolean {
    const lines = this.journal()
      .split('\n')
      .filter((line) => line !== '');
    const written = lines.length;
    for (
      let lost = Math.floor(this.random() * 3);
      lost > 0 && lines.length > 0 && !lines.at(-1)!.includes('"term"');
      lost--
    )
      lines.pop();
    this.#journal = lines.map((line) => `${line}\n`).join('');
    return lines.length < written;
  }

  spoilNewestCheckpoint(): boolean {
    const [key, bytes] = [...this.#checkpoints].at(-1) ?? [];
    if (key === undefined) return false;
    if (this.random() < 0.5) this.#checkpoints.set(key, bytes!.slice(0, Math.floor(bytes!.length * this.random())));
    else
      this.#checkpoints.set(
        key,
        bytes!.map((byte, i) => (i === bytes!.length >> 1 ? byte ^ 1 : byte)),
      );
    return true;
  }

  /** The disk as one process sees it. */
  storeOf(process: SimProcess): RunStore {
    const check = (): void => {
      if (!process.isAlive) throw new StillhouseError('OUT_UNWRITABLE', 'the process is dead');
      if (this.isFull) throw new StillhouseError('OUT_UNWRITABLE', 'no space left');
    };
    return {
      append: (record: JournalRecord) => {
        check();
        const line = `${JSON.stringify(record)}\n`;
        if (this.tearNext) {
          this.#journal += line.slice(0, Math.floor(line.length * this.random()));
          const die = this.tearNext;
          this.tearNext = undefined;
          die();
          throw new StillhouseError('OUT_UNWRITABLE', 'died while writing');
        }
        this.#journal += line;
        if (record.type === 'term') this.term = record.term;
      },
      newestTerm: () => this.term,
      saveModel: (phase: PhaseName, model: ExportedModel, lastGood: boolean) => {
        check();
        if (!lastGood) this.models.set(phase, model.data.slice());
        return createHash('sha256').update(model.data).digest('hex');
      },
      readModel: (phase: PhaseName) => this.models.get(phase),
      beginCheckpoint: (): CheckpointSink => {
        check();
        const parts: Uint8Array[] = [];
        return {
          write: (bytes) => {
            check();
            parts.push(bytes.slice());
          },
          commit: (record) => {
            check();
            const bytes = new Uint8Array(Buffer.concat(parts));
            this.onCheckpoint(bytes);
            this.#checkpoints.set(nameOf(record), bytes);
          },
          abandon: () => {},
        };
      },
      readCheckpoint: (record: Key) => this.#checkpoints.get(nameOf(record)),
      dropCheckpoint: (record: Key) => void this.#checkpoints.delete(nameOf(record)),
    };
  }
}

const nameOf = ({ phase, ops, sha256 }: Key): string => `${phase}-${ops}-${sha256}`;
