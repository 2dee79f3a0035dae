// The journal of a run, from which a restarted coordinator knows its state. One record per line; only the last line may
// be incomplete, and is then ignored.
import { z } from 'zod';
import { StillhouseError } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { phasesOf } from '../job/job.js';
import { storedPhaseName, type PhaseName } from '../job/phase-name.js';
import type { Recipe } from '../recipe/schema.js';
import { storedEpoch, storedPhase, type EpochRecord, type PhaseRecord } from '../job/run-record.js';
import type { TunedValues } from '../tune/space.js';

/** Names of files are made of it. */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const checkpointRecord = z.object({
  phase: storedPhaseName,
  ops: z.int().min(0),
  sha256,
  bytes: z.int().min(0),
  /** Taken right after the epoch with the best validation so far. */
  best: z.boolean(),
});
export type CheckpointRecord = z.infer<typeof checkpointRecord>;

const journalRecord = z.discriminatedUnion('type', [
  /** A coordinator has taken over; coordinators of lower terms are fenced off. */
  z.object({ type: z.literal('term'), term: z.int().min(0).max(limits.coordinatorCount) }),
  z.object({
    type: z.literal('epoch'),
    phase: storedPhaseName,
    weightsSha256: sha256,
    record: storedEpoch,
  }),
  z.object({ type: z.literal('checkpoint'), record: checkpointRecord }),
  z.object({ type: z.literal('checkpointDropped'), sha256 }),
  /** The models' weights are in the run folder; `blob` is the SHA-256 of their bytes. */
  z.object({ type: z.literal('phaseDone'), record: storedPhase, blob: sha256 }),
  /** The values that a search has chosen for the student, by path in the recipe. */
  z.object({ type: z.literal('tuned'), values: z.record(z.string(), z.number()) }),
  z.object({ type: z.literal('ended'), code: z.string().optional() }),
]);
export type JournalRecord = z.infer<typeof journalRecord>;

export interface KnownEpoch {
  readonly record: EpochRecord;
  readonly weightsSha256: string;
}

export interface RunHistory {
  /** Term of the last coordinator; 0 if there was none. */
  readonly term: number;
  readonly done: readonly { readonly record: PhaseRecord; readonly blob: string }[];
  /** Epochs of the current phase. */
  readonly epochs: readonly KnownEpoch[];
  /** Checkpoints of the current phase, in the order in which they were taken. */
  readonly checkpoints: readonly CheckpointRecord[];
  /** Hashes of checkpoints that are not available any more. */
  readonly retired: readonly string[];
  /** The values that replace the recipe's own for the student, once a search has found them. */
  readonly tuned?: TunedValues | undefined;
  readonly ended: boolean;
}

export const emptyHistory: RunHistory = { term: 0, done: [], epochs: [], checkpoints: [], retired: [], ended: false };

/** The phase after the finished ones; undefined if there is none. */
export const phaseUnderWay = (history: RunHistory, recipe: Recipe): PhaseName | undefined =>
  phasesOf(recipe)[history.done.length];

export function applyRecord(history: RunHistory, entry: JournalRecord): RunHistory {
  switch (entry.type) {
    case 'term':
      return { ...history, term: Math.max(history.term, entry.term), ended: false };
    case 'epoch':
      // An epoch that is repeated after a return to a checkpoint is known already.
      if (history.done.some(({ record }) => record.phase === entry.phase)) return history;
      return entry.record.epoch === history.epochs.length
        ? { ...history, epochs: [...history.epochs, { record: entry.record, weightsSha256: entry.weightsSha256 }] }
        : history;
    case 'checkpoint':
      return { ...history, checkpoints: [...history.checkpoints, entry.record] };
    case 'checkpointDropped':
      return {
        ...history,
        checkpoints: history.checkpoints.filter(({ sha256 }) => sha256 !== entry.sha256),
        retired: [...history.retired, entry.sha256],
      };
    case 'phaseDone':
      // A coordinator that was being fenced off may have written it a second time.
      if (history.done.some(({ record }) => record.phase === entry.record.phase)) return history;
      return {
        ...history,
        done: [...history.done, { record: entry.record, blob: entry.blob }],
        epochs: [],
        checkpoints: [],
        retired: [...history.retired, ...history.checkpoints.map(({ sha256 }) => sha256)],
      };
    case 'tuned':
      return { ...history, tuned: entry.values };
    case 'ended':
      return { ...history, ended: entry.code === undefined };
  }
}

/** Numbers that are not finite become null in JSON, and are read back as NaN. */
const revived = (_key: string, value: unknown): unknown => (value === null ? NaN : value);

/** @throws StillhouseError JOURNAL_CORRUPT if a line other than the last cannot be read */
export function replayJournal(text: string): RunHistory {
  const lines = text.split('\n').filter((line) => line !== '');
  let history = emptyHistory;
  lines.forEach((line, i) => {
    try {
      history = applyRecord(history, journalRecord.parse(JSON.parse(line, revived)));
    } catch (cause) {
      if (i < lines.length - 1)
        throw new StillhouseError('JOURNAL_CORRUPT', `line ${i + 1} of the journal cannot be read`, { cause });
    }
  });
  return history;
}
