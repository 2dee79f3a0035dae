// The phases of a run by name. Version 0.1 called the baseline "alone"; what it wrote is still read.
import { z } from 'zod';

export const phaseNames = ['teacher', 'student', 'baseline'] as const;

/** teacher: all workers. student: distilled, on one worker. baseline: the same student without a teacher. */
export type PhaseName = (typeof phaseNames)[number];

const oldBaseline = 'alone';

/** A phase's name in a file that an earlier version may have written. */
export const storedPhaseName = z.preprocess(
  (value) => (value === oldBaseline ? 'baseline' : value),
  z.enum(phaseNames),
);

/** The possible names of a phase's files, the newest first. */
export const storedNamesOf = (phase: PhaseName): readonly string[] =>
  phase === 'baseline' ? [phase, oldBaseline] : [phase];

/** run.json of version 0.1 with today's names; anything else unchanged. */
export function withTodaysNames(record: unknown): unknown {
  if (typeof record !== 'object' || record === null || !(oldBaseline in record)) return record;
  const { [oldBaseline]: baseline, ...rest } = record as Record<string, unknown>;
  return { ...rest, baseline: { ...(baseline as object), phase: 'baseline' } };
}
