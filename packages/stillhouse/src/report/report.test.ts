import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import sharp from 'sharp';
import { RunFolder, startRecord } from '@stillhouse/coordinator';
import { parseRecipe } from '@stillhouse/core';
import { confusionChart } from '../chart/confusion.js';
import { lineChart } from '../chart/line-chart.js';
import { imageOf } from '../chart/picture.js';
import { differences } from './compare.js';
import { wilson } from './evaluate-run.js';
import { report } from './report.js';

test('Wilson’s interval, as tables have it', () => {
  const [low, high] = wilson(10, 100);
  expect(low).toBeCloseTo(0.0552, 4);
  expect(high).toBeCloseTo(0.1744, 4);
  expect(wilson(0, 50)[0]).toBeCloseTo(0, 10);
  expect(wilson(50, 50)[1]).toBeCloseTo(1, 10);
});

test('what differs between recipes, by its path', () => {
  expect(
    differences([
      { a: 1, b: { c: [1, 2] }, d: 'x' },
      { a: 1, b: { c: [1, 3, 4] }, d: 'x' },
    ]),
  ).toEqual([
    { path: 'b.c[1]', values: ['2', '3'] },
    { path: 'b.c[2]', values: [undefined, '4'] },
  ]);
});

test('charts leave out what is not finite, and escape names', () => {
  const svg = lineChart(
    [
      {
        name: 'a<b',
        colour: '#000',
        points: [
          [1, 2],
          [2, NaN],
          [3, 4],
        ],
      },
    ],
    { x: 'epoch', y: 'loss' },
  );
  expect(svg).toContain('a&lt;b');
  expect(svg).not.toContain('NaN');
  expect(lineChart([], { x: '', y: '' })).toBe('');
  expect(
    confusionChart(
      [
        [3, 1],
        [0, 2],
      ],
      ['<', 'b'],
    ).match(/<rect/g),
  ).toHaveLength(4);
});

const pixelsOf = async (html: string): Promise<{ channels: number; data: number[] }> => {
  const png = Buffer.from(/data:image\/png;base64,([^"]+)/.exec(html)![1], 'base64');
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return { channels: info.channels, data: [...data] };
};

test('images are PNGs in the page itself, from black to white whatever range the numbers have', async () => {
  const { channels, data } = await pixelsOf(await imageOf([0, 1, 0.5, 1], [2, 2, 1]));
  expect(data.filter((_, i) => i % channels === 0)).toEqual([0, 255, 128, 255]);
  expect((await pixelsOf(await imageOf([3, 2, 1], [1, 1, 3]))).data).toEqual([255, 128, 0]);
});

test('a run without a model has no metrics to warn of, also if its data have changed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-report-'));
  try {
    const csv = join(folder, 'a.csv');
    writeFileSync(csv, 'a,y\n1,2\n3,4\n');
    const recipe = parseRecipe({
      data: { large: { csv }, test: { csv }, table: { target: 'y' } },
      loss: 'mse',
      teacher: { model: { layers: [{ dense: 1 }] } },
    });
    const set = { rowCount: 7, blockRows: 8, blocks: [], rowsDigest: '' };
    const shape = { inputShape: [1], columns: [], outputs: 1, classes: null, labelCount: 1, targets: [] };
    const job = { runId: 'run', recipe, dataset: { ...shape, sets: { large: set, test: set } }, assets: {} };
    const run = RunFolder.create(join(folder, 'run'));
    run.writeRecord(startRecord({ job, recipeFolder: folder, version: '1', startedAt: '2026-01-01T00:00:00Z' }));
    run.writeDataFiles([{ path: csv, bytes: 1, modifiedMs: 0, sha256: 'another' }]);
    const { file, missing, warnings } = await report(run.path);
    expect({ missing, warnings }).toEqual({ missing: 'the run has no trained model', warnings: [] });
    expect(readFileSync(file, 'utf8')).not.toContain('95 % interval');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
