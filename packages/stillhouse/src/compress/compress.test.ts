import { expect, test } from 'vitest';
import { parseRecipe } from '@stillhouse/core';
import type { TrainedRun } from '../runs/trained-run.js';
import { namesOf, paretoFront } from './compress.js';
import { labelPlaces } from './pareto.js';

test('labels of dots overlap neither each other nor a dot, and are in the picture', () => {
  expect(labelPlaces([[200, 10]])).toEqual([[208, 14]]);
  // To the left of a dot near the end, or of one with another dot to its right.
  expect(labelPlaces([[200, 10]], 220)).toEqual([[158, 14]]);
  const dots = [
    [100, 10],
    [102, 11],
    [101, 12],
    [130, 10],
    [190, 10],
  ] as const;
  const places = labelPlaces(dots, 200);
  places.forEach(([x, y], i) => {
    expect(x + 34).toBeLessThanOrEqual(200);
    for (const [left, top] of places.slice(i + 1))
      expect(Math.abs(left - x) >= 34 || Math.abs(top - y) >= 11).toBe(true);
    for (const [left, top] of dots) expect(left > x && left < x + 34 && top > y - 11 && top < y).toBe(false);
  });
});

test('the front has those that no other one beats', () => {
  const points = [
    [10, 5],
    [10, 5],
    [5, 9],
    [4, 9],
    [20, 5],
    [30, 1],
    [3, 20],
    [3, 21],
  ].map(([gzippedBytes, error]) => ({ gzippedBytes, error }));
  expect(paretoFront(points)).toEqual([true, true, false, true, false, true, true, false]);
});

test('names tell runs apart by what differs in their recipes, or by their folders', () => {
  const source = { generator: 'noise', rows: 9 } as const;
  const run = (folder: string, units: number, more: object = {}): { run: TrainedRun; name: 'student' } => {
    const recipe = parseRecipe({
      name: 'small',
      loss: 'mse',
      data: { large: source, small: source, test: source },
      teacher: { model: { layers: [{ dense: 1 }] } },
      student: { model: { layers: [{ dense: units }, { dense: 1 }] }, ...more },
    });
    return { run: { folder, recipe, record: {} as TrainedRun['record'] }, name: 'student' };
  };
  expect(namesOf([run('a/b', 4), run('a/c', 8)])).toEqual(['small student, dense 4', 'small student, dense 8']);
  expect(namesOf([run('a/b', 4), run('a/c', 4, { prune: { sparsity: 0.5, to: 3 } })])).toEqual([
    'small student',
    expect.stringMatching(/^small student, sparsity 0\.5/),
  ]);
  expect(namesOf([run('a/b', 4), run('a/c', 8, { batch: 9, epochs: 3, validation: 0.1 })])).toEqual([
    'b student',
    'c student',
  ]);
});
