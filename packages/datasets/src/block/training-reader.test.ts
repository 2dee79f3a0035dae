// What a rank reads is exactly the rows of its micro-batch, however they are fetched: from windows that are filled
// ahead, from blocks that are kept, or from a set that is shuffled whole; for steps in order, after a jump, and of many
// ranks.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeColumns,
  inputWidth,
  zerosOf,
  type DatasetManifest,
  type FittedColumn,
  type Numbers,
  type SetManifest,
} from '@stillhouse/core';
import { epochOrder, ledgerDigest, stepsPerEpoch, wholeLedger, type Schedule } from '@stillhouse/core/cluster';
import { sha256 } from '../file/sha256.js';
import { encodeBlock, type BlockShape } from './blocks.js';
import { TrainingReader } from './training-reader.js';

const number: FittedColumn = {
  name: 'a',
  type: 'number',
  transform: 'none',
  shift: 1,
  scale: 2,
  fill: 5,
  indicator: false,
  missing: 'mean',
  dtype: 'F32',
};
const narrow: readonly FittedColumn[] = [number, { ...number, name: 'b', dtype: 'F64' }];
const wide: readonly FittedColumn[] = [
  number,
  {
    name: 'c',
    type: 'category',
    encode: 'oneHot',
    categories: ['x', 'y', 'z', 'u', 'v', 'w', 'p', 'q', 'r'],
    dtype: 'U8',
  },
];

interface World {
  readonly manifest: DatasetManifest;
  readonly set: SetManifest;
  readonly blocks: ReadonlyMap<string, Uint8Array>;
  /** Inputs and label of each row, encoded one by one. */
  readonly expected: readonly { x: Float32Array; y: number }[];
}

function worldOf(columns: readonly FittedColumn[], rowCount: number, blockRows: number): World {
  const shape: BlockShape = { columns, inputShape: [inputWidth(columns)], labelCount: 1, labelType: 'F32' };
  const cellOf = (row: number, k: number): number =>
    columns[k].type === 'category' ? row % 10 : row % 11 === 0 ? NaN : row * 3 + k;
  const cellsOf = (rows: readonly number[]): Numbers[] =>
    columns.map((_, k) => Float64Array.from(rows, (row) => cellOf(row, k)));
  const blocks = new Map<string, Uint8Array>();
  const hashes: string[] = [];
  for (let first = 0; first < rowCount; first += blockRows) {
    const rows = Array.from({ length: Math.min(blockRows, rowCount - first) }, (_, i) => first + i);
    const cells = columns.map(({ dtype }, k) => {
      const column = zerosOf(dtype, rows.length);
      column.set(rows.map((row) => cellOf(row, k)));
      return column;
    });
    const block = encodeBlock(shape, { rowCount: rows.length, cells, labels: Float32Array.from(rows) }, rows.length);
    blocks.set(sha256(block), block);
    hashes.push(sha256(block));
  }
  const width = inputWidth(columns);
  const expected = Array.from({ length: rowCount }, (_, row) => {
    const x = new Float32Array(width);
    encodeColumns(columns, cellsOf([row]), { from: [0], to: [0], out: x, width });
    return { x, y: row };
  });
  const set: SetManifest = { rowCount, blockRows, blocks: hashes, rowsDigest: ledgerDigest(wholeLedger(rowCount)) };
  return {
    manifest: {
      columns,
      inputShape: [width],
      outputs: 1,
      labelCount: 1,
      classes: null,
      targets: [],
      sets: { large: set },
    },
    set,
    blocks,
    expected,
  };
}

const scheduleArbitrary = fc.record({
  rowCount: fc.integer({ min: 1, max: 200 }),
  batch: fc.integer({ min: 1, max: 40 }),
  ranks: fc.integer({ min: 1, max: 5 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  windows: fc.option(
    fc.record({ blockRows: fc.integer({ min: 1, max: 30 }), windowBlocks: fc.integer({ min: 1, max: 4 }) }),
    { nil: undefined },
  ),
});

async function readAll(
  columns: readonly FittedColumn[],
  schedule: Schedule,
  from: { step: number; lo: number; hi: number },
): Promise<void> {
  const { manifest, set, blocks, expected } = worldOf(columns, schedule.rowCount, schedule.windows?.blockRows ?? 17);
  const reader = new TrainingReader(manifest, set, schedule, async (hash) => {
    await Promise.resolve();
    return blocks.get(hash)!;
  });
  const steps = stepsPerEpoch(schedule);
  const width = inputWidth(columns);
  for (let step = from.step; step < steps * schedule.epochs; step++) {
    const epoch = Math.floor(step / steps);
    const order = epochOrder(schedule, epoch);
    const ranks = Array.from({ length: from.hi - from.lo }, (_, i) => ({
      rank: from.lo + i,
      rows: order.rankRows({ step, rank: from.lo + i }),
    }));
    reader.begin({ epoch, step, order, ranks });
    for (const task of ranks) {
      const batch = await reader.read(task);
      expect(batch.rows).toBe(task.rows.length);
      for (let i = 0; i < task.rows.length; i++) {
        expect(batch.x.subarray(i * width, (i + 1) * width)).toEqual(expected[task.rows[i]].x);
        expect(batch.y[i]).toBe(expected[task.rows[i]].y);
      }
    }
  }
}

describe.each([
  ['narrow rows, from windows', narrow],
  ['wide rows, from blocks', wide],
])('%s', (_, columns) => {
  test('are the rows of each rank, from any step on, on a worker of any ranks', async () => {
    await fc.assert(
      fc.asyncProperty(scheduleArbitrary, fc.nat(1000), fc.nat(), fc.nat(), async (schedule, start, a, b) => {
        const lo = a % schedule.ranks;
        await readAll(columns, schedule, {
          step: start % (stepsPerEpoch(schedule) * schedule.epochs),
          lo,
          hi: lo + 1 + (b % (schedule.ranks - lo)),
        });
      }),
      { numRuns: 60 },
    );
  });
});

test('a block that could not be fetched fails the read that needs it, and is fetched again for the next', async () => {
  const schedule: Schedule = {
    rowCount: 60,
    batch: 10,
    ranks: 1,
    epochs: 1,
    seed: 1,
    windows: { blockRows: 10, windowBlocks: 2 },
  };
  const { manifest, set, blocks, expected } = worldOf(narrow, 60, 10);
  let isAway = true;
  const reader = new TrainingReader(manifest, set, schedule, async (hash) => {
    if (isAway) throw new Error('away');
    return blocks.get(hash)!;
  });
  const order = epochOrder(schedule, 0);
  const task = { rank: 0, rows: order.rankRows({ step: 0, rank: 0 }) };
  reader.begin({ epoch: 0, step: 0, order, ranks: [task] });
  await expect(reader.read(task)).rejects.toThrow('away');
  isAway = false;
  reader.begin({ epoch: 0, step: 0, order, ranks: [task] });
  expect([...(await reader.read(task)).y]).toEqual(Array.from(task.rows, (row) => expected[row].y));
});
