// The picture of a search: its axes have one mark per value that trials can have, where those trials are.
import { expect, test } from 'vitest';
import type { TunedRecord } from '@stillhouse/core';
import type { Dimension } from '@stillhouse/core/tune';
import { drawMap } from './map.js';

const rates = [0.003, 0.01, 0.03];

function mapOf(space: readonly Dimension[], trials: readonly Record<string, number>[]): string {
  const record = {
    values: trials[0],
    metric: 'rmse',
    trials: trials.map((values, trial) => ({
      trial,
      values,
      folds: 3,
      mean: trial,
      standardError: 0.1,
      comparable: trial,
    })),
  };
  return drawMap(record as unknown as TunedRecord, space);
}

/** Horizontal positions of the marks below the frame, by their label. */
const marksIn = (svg: string): [string, number][] =>
  [...svg.matchAll(/<text x="([\d.]+)" y="434(?:\.0)?" text-anchor="middle">([^<]+)</g)].map(([, x, label]) => [
    label,
    Number(x),
  ]);
const dotsIn = (svg: string): number[] => [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x));

test('a list has one mark per value, at its trials', () => {
  const list: Dimension = { path: 'student.optimizer.learningRate', config: rates };
  const svg = mapOf(
    [list],
    rates.map((rate) => ({ [list.path]: rate })),
  );
  expect(marksIn(svg).map(([label]) => label)).toEqual(['0.003', '0.01', '0.03']);
  expect(marksIn(svg).map(([, x]) => x)).toEqual(dotsIn(svg));
});

test('a range of few whole numbers has one mark per number, at its trials', () => {
  const path = 'student.batch';
  const svg = mapOf(
    [{ path, config: { from: 8, to: 10, scale: 'linear', whole: true } }],
    [8, 9, 10].map((batch) => ({ [path]: batch })),
  );
  expect(marksIn(svg).map(([label]) => label)).toEqual(['8', '9', '10']);
  expect(marksIn(svg).map(([, x]) => x)).toEqual(dotsIn(svg));
});

test('a long list up the frame has marks that are not written over each other', () => {
  const across: Dimension = { path: 'a', config: { from: 0, to: 1, scale: 'linear', whole: false } };
  const values = Array.from({ length: 200 }, (_, i) => i / 4);
  const svg = mapOf([across, { path: 'b', config: values }], [{ a: 0.5, b: 1 }]);
  const heights = [...svg.matchAll(/<text x="90(?:\.0)?" y="([\d.]+)" text-anchor="end"/g)].map(([, y]) => Number(y));
  expect(heights.length).toBeGreaterThan(5);
  heights.slice(1).forEach((y, i) => expect(heights[i] - y).toBeGreaterThanOrEqual(14));
});
