import { expect, test } from 'vitest';
import { parseRecipe } from '@stillhouse/core';
import type { TrainedRun } from '../runs/trained-run.js';
import { namesOf, paretoFront } from './compress.js';
import { labelPlaces } from './pareto.js';

test('labels of dots that are close to each other do not overlap', () => {
  expect(
    labelPlaces([
      [10, 10],
      [12, 11],
      [11, 12],
      [200, 10],
    ]),
  ).toEqual([
    [18, 14],
    [20, 25],
    [19, 36],
    [208, 14],
  ]);
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
  expect(namesOf([run('a/b', 4), run('a/c', 8, { batch: 9, epochs: 3, validation: 0.1 })])).toEqual([
    'b student',
    'c student',
  ]);
});
