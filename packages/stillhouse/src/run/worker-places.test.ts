import { expect, test } from 'vitest';
import { placeWorkers } from './worker-places.js';

const gpus = [{ uuid: 'GPU-a' }, { uuid: 'GPU-b' }];

test.each([
  ['one per core', { ranks: 8, threads: 1 }, 4, 4],
  ['threads per rank share the cores', { ranks: 8, threads: 3 }, 7, 2],
  ['never more than ranks', { ranks: 2, threads: 1 }, 16, 2],
  ['never none', { ranks: 8, threads: 4 }, 2, 1],
])('auto without GPUs: %s', (_, recipe, cores, workers) => {
  expect(placeWorkers('auto', recipe, { cores, gpus: [] })).toEqual(Array(workers).fill({}));
});

test('auto with GPUs: one worker per GPU, each seeing its own', () => {
  expect(placeWorkers('auto', { ranks: 8, threads: 4 }, { cores: 2, gpus })).toEqual([
    { CUDA_VISIBLE_DEVICES: 'GPU-a' },
    { CUDA_VISIBLE_DEVICES: 'GPU-b' },
  ]);
  expect(placeWorkers('auto', { ranks: 1, threads: 1 }, { cores: 2, gpus })).toHaveLength(1);
});

test('a number of workers takes the GPUs in turn', () => {
  expect(placeWorkers(3, { ranks: 8, threads: 1 }, { cores: 2, gpus }).map((env) => env.CUDA_VISIBLE_DEVICES)).toEqual([
    'GPU-a',
    'GPU-b',
    'GPU-a',
  ]);
  expect(placeWorkers(3, { ranks: 1, threads: 1 }, { cores: 2, gpus: [] })).toEqual([{}, {}, {}]);
});
