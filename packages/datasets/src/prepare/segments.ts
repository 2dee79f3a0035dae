// The segments of a set that is drawn from in proportions: which one a row belongs to, and how many rows an epoch draws
// of each.
import { isMix, StillhouseError, type Recipe, type SetManifest } from '@stillhouse/core';
import { dealDraws } from '@stillhouse/core/cluster';
import type { StoredRows } from '../row/stored-rows.js';

/** Names the segment of a row, given its position in a chunk. */
export type SegmentOf = (chunk: StoredRows, i: number) => string;

/** Weights of one level differ by less than a fifth. */
const levelsPerDoubling = 4;

/**
 * @param mixed rows of each source of a mix
 * @returns undefined if each row is drawn once
 */
export function segmentOf(
  { data: { sampling } }: Recipe,
  mixed: readonly number[] | undefined,
  classes: readonly string[] | undefined,
): SegmentOf | undefined {
  if (mixed) {
    return ({ first }, i) => {
      let [source, end] = [0, mixed[0]];
      while (first + i >= end) end += mixed[++source];
      return String(source);
    };
  }
  if (sampling?.classes !== undefined) return ({ labels: [labels] }, i) => classes?.[labels[i]] ?? String(labels[i]);
  return sampling?.weights === undefined
    ? undefined
    : ({ weights }, i) => String(Math.round(levelsPerDoubling * Math.log2(weights![i])));
}

/** A segment's part of a set, and the sum of its rows' weights. */
export interface WrittenSegment {
  readonly name: string;
  readonly set: SetManifest;
  readonly weight: number;
}

/**
 * Joins segments to one set. Each begins with a block of its own, so that row ids have gaps where a block is short.
 * @param blockRows rows of a whole block
 * @throws StillhouseError DATA_LABEL if shares and classes do not match
 */
export function joinSegments(
  segments: readonly WrittenSegment[],
  { data: { large, sampling } }: Recipe,
  blockRows: number,
): Omit<SetManifest, 'rowsDigest'> {
  const ordered = [...segments].sort((a, b) => (a.name < b.name ? -1 : 1));
  const shareOf = ({ name, weight }: WrittenSegment): number => {
    if (isMix(large)) return large.mix[Number(name)].share;
    if (sampling!.weights !== undefined) return weight;
    if (sampling!.classes === 'balanced') return 1;
    const share = sampling!.classes![name];
    if (share === undefined)
      throw new StillhouseError(
        'DATA_LABEL',
        `data.sampling.classes has no share for class ${name}; the classes are ` +
          `${ordered.map((each) => each.name).join(', ')}`,
      );
    return share;
  };
  const rowCount = ordered.reduce((sum, { set }) => sum + set.rowCount, 0);
  const draws = dealDraws(Math.max(ordered.length, sampling?.rows ?? rowCount), ordered.map(shareOf));
  if (sampling?.classes !== undefined && sampling.classes !== 'balanced') {
    const unknown = Object.keys(sampling.classes).find((name) => !ordered.some((each) => each.name === name));
    if (unknown !== undefined)
      throw new StillhouseError(
        'DATA_LABEL',
        `data.sampling.classes names class ${unknown}, which no training row has; the classes are ` +
          `${ordered.map((each) => each.name).join(', ')}`,
      );
  }
  let blocks = 0;
  return {
    rowCount,
    blockRows,
    blocks: ordered.flatMap(({ set }) => set.blocks),
    segments: ordered.map(({ set }, i) => {
      const first = blocks * blockRows;
      blocks += set.blocks.length;
      return { first, rows: set.rowCount, draws: draws[i] };
    }),
  };
}
