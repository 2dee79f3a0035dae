// The record of a search: one line for each training, so that a search that was interrupted goes on where it was.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Evaluation, Metrics } from '@stillhouse/core';

export interface TrialEntry extends Evaluation {
  /** What the trial is part of: another teacher, other data or another recipe have other trials. */
  readonly of: string;
  /** On the fold that was held out; absent where the numbers were not finite. */
  readonly metrics?: Metrics;
  readonly notFinite?: string;
  readonly seconds: number;
  readonly fingerprint: string;
}

const keyOf = ({ values, fold }: Pick<Evaluation, 'values' | 'fold'>): string => JSON.stringify([values, fold]);

export class TrialLog {
  readonly #entries = new Map<string, TrialEntry>();

  /** @param of what trials are part of; entries of others are left alone */
  constructor(
    private readonly file: string,
    readonly of: string,
  ) {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    for (const line of lines.filter((each) => each !== '')) {
      const entry = parsed(line);
      if (entry?.of === of) this.#entries.set(keyOf(entry), entry);
    }
    // A line that was being written when a process died stays by itself.
    if (lines.length > 0 && lines.at(-1) !== '') appendFileSync(file, '\n');
  }

  get size(): number {
    return this.#entries.size;
  }

  find(evaluation: Pick<Evaluation, 'values' | 'fold'>): TrialEntry | undefined {
    return this.#entries.get(keyOf(evaluation));
  }

  add(entry: TrialEntry): void {
    mkdirSync(dirname(this.file), { recursive: true });
    appendFileSync(this.file, `${JSON.stringify(entry)}\n`);
    this.#entries.set(keyOf(entry), entry);
  }
}

const entrySchema = z.object({
  of: z.string(),
  trial: z.int(),
  values: z.record(z.string(), z.number()),
  fold: z.int(),
  metrics: z.record(z.string(), z.number().nullable()).optional(),
  notFinite: z.string().optional(),
  seconds: z.number(),
  fingerprint: z.string(),
});

function parsed(line: string): TrialEntry | undefined {
  try {
    return entrySchema.parse(JSON.parse(line)) as TrialEntry;
  } catch {
    return undefined;
  }
}
