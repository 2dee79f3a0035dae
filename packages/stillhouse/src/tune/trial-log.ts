// The record of a search: one line per training, so that an interrupted search continues where it stopped.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Metrics } from '@stillhouse/core/training';
import type { Evaluation } from '@stillhouse/core/tune';

export interface TrialEntry extends Evaluation {
  /** Identifies the search: another teacher, other data or another recipe have other trials. */
  readonly of: string;
  /** Metrics on the held-out fold; absent if the numbers were not finite. */
  readonly metrics?: Metrics | undefined;
  /** Metrics after each epoch, of a baseline. */
  readonly curve?: readonly Metrics[] | undefined;
  readonly notFinite?: string | undefined;
  readonly seconds: number;
  readonly fingerprint: string;
}

const keyOf = ({ values, fold }: Pick<Evaluation, 'values' | 'fold'>): string => JSON.stringify([values, fold]);

export class TrialLog {
  readonly #entries = new Map<string, TrialEntry>();

  /** @param of the search that trials belong to; entries of others are ignored */
  constructor(
    private readonly file: string,
    readonly of: string,
  ) {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    for (const line of lines.filter((each) => each !== '')) {
      const entry = parsed(line);
      if (entry?.of === of) this.#entries.set(keyOf(entry), entry);
    }
    // A line that was being written when a process died stays separate.
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

/** Those that are not finite are null, as in run.json. */
const metric = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
const metrics = z.object({ loss: metric, rows: metric }).catchall(metric);
const entrySchema = z.object({
  of: z.string(),
  trial: z.int(),
  values: z.record(z.string(), z.number()),
  fold: z.int(),
  metrics: metrics.optional(),
  curve: z.array(metrics).optional(),
  notFinite: z.string().optional(),
  seconds: z.number(),
  fingerprint: z.string(),
});

function parsed(line: string): TrialEntry | undefined {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
