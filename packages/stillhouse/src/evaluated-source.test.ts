import { expect, test } from 'vitest';
import { parseRecipe, type Recipe, type SourceInput } from '@stillhouse/core';
import { sourceLike } from './evaluated-source.js';

const own = (large: SourceInput): Recipe['data']['large'] =>
  parseRecipe({
    loss: 'softmaxCrossEntropy',
    data: { large, split: { test: 0.5 } },
    teacher: { model: { layers: ['flatten', { dense: 2 }] } },
  }).data.large;

test('images in other folders and lists have the size, channels and columns of the run', () => {
  const shape = { size: [8, 6] as [number, number], channels: 1 as const, fit: 'contain' as const };
  const folder = own({ images: { folder: 'a', ...shape } });
  expect(sourceLike({ images: { folder: 'b', size: [32, 32] } }, folder)).toEqual({
    images: { folder: 'b', ...shape },
  });
  const list = own({ images: { csv: 'a.csv', path: 'file', label: 'kind', ...shape } });
  expect(sourceLike({ csv: 'b.csv' }, list)).toEqual({
    images: { csv: 'b.csv', path: 'file', label: 'kind', ...shape },
  });
  expect(sourceLike({ images: { folder: 'b', size: [32, 32] } }, list)).toEqual({ images: { folder: 'b', ...shape } });
});

test('arrays and records have the names and shapes of the run; of a mix, those of its first source', () => {
  const idx = { images: 'b-images-idx3-ubyte', labels: 'b-labels-idx1-ubyte' };
  const mixed = own({
    mix: [
      { source: { idx: { images: 'a', labels: 'c', size: [14, 14], pad: 1 } }, share: 1 },
      { source: { idx: { images: 'd', labels: 'e', size: [14, 14], pad: 1 } }, share: 1 },
    ],
  });
  expect(sourceLike({ idx }, mixed)).toEqual({ idx: { ...idx, size: [14, 14], pad: 1 } });
  const npz = own({ npz: { file: 'a.npz', inputs: 'x_test', labels: 'y_test' } });
  expect(sourceLike({ npz: { file: 'b.npz' } }, npz)).toEqual({
    npz: { file: 'b.npz', inputs: 'x_test', labels: 'y_test' },
  });
  const records = own({ tfrecord: 'a.tfrecord', inputs: 'image', label: 'class', shape: [2, 2] });
  expect(sourceLike({ tfrecord: 'b.tfrecord', inputs: 'x', label: 'y' }, records)).toEqual({
    tfrecord: 'b.tfrecord',
    inputs: 'image',
    label: 'class',
    shape: [2, 2],
  });
});

test('a table is what its name shows', () => {
  expect(sourceLike({ csv: 'b.csv' }, own({ npz: { file: 'a.npz' } }))).toEqual({ csv: 'b.csv' });
});
