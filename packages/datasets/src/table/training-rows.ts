// Which rows of a chunk of a table are training rows.
import type { Selection } from '../row/selection.js';

/** Positions of a chunk's rows that are in the training part. */
export function trainingRows(
  pass: ReturnType<Selection['pass']>,
  { first, rowCount, keys }: { first: number; rowCount: number; keys: readonly (string | null)[] | undefined },
): number[] {
  const rows: number[] = [];
  for (let i = 0; i < rowCount; i++) if (pass(first + i, { key: keys?.[i] ?? null }) === 'training') rows.push(i);
  return rows;
}
