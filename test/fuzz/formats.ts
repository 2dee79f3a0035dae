// Recipes over the fixtures, one per format, and the file of each that is damaged.
import type { RecipeInput } from '@stillhouse/core';

export interface Format {
  readonly name: string;
  readonly file: string;
  readonly data: RecipeInput['data'];
  readonly loss: RecipeInput['loss'];
}

const table = { target: 'price', missing: 'mean' as const };
const split = { test: 0.2 };
const labels = 'pictures-labels-idx1-ubyte';
const images = 'pictures-images-idx3-ubyte';

export const formats: readonly Format[] = [
  { name: 'csv', file: 'houses.csv', data: { large: { csv: 'houses.csv' }, split, table }, loss: 'mse' },
  { name: 'csv.gz', file: 'houses.csv.gz', data: { large: { csv: 'houses.csv.gz' }, split, table }, loss: 'mse' },
  {
    name: 'parquet',
    file: 'logs/part-0.parquet',
    data: { large: { parquet: 'logs/part-0.parquet' }, split, table },
    loss: 'mse',
  },
  { name: 'jsonl', file: 'houses.jsonl', data: { large: { jsonl: 'houses.jsonl' }, split, table }, loss: 'mse' },
  {
    name: 'sql',
    file: 'logs/part-1.parquet',
    data: { large: { sql: "select area, rooms, price from 'logs/part-1.parquet'" }, split, table },
    loss: 'mse',
  },
  {
    name: 'npy',
    file: 'waves.npy',
    data: { large: { npy: { inputs: 'waves.npy', labels: 'sums.npy' } }, split },
    loss: 'mse',
  },
  { name: 'npz', file: 'arrays.npz', data: { large: { npz: { file: 'arrays.npz' } }, split }, loss: 'mse' },
  {
    name: 'idx images',
    file: images,
    data: { large: { idx: { images, labels } }, split },
    loss: 'softmaxCrossEntropy',
  },
  {
    name: 'idx labels',
    file: labels,
    data: { large: { idx: { images, labels } }, split },
    loss: 'softmaxCrossEntropy',
  },
  {
    name: 'image',
    file: 'photos/cat/0.png',
    data: { large: { images: { folder: 'photos', size: [4, 4] } }, split },
    loss: 'softmaxCrossEntropy',
  },
  {
    name: 'image list',
    file: 'photos.csv',
    data: { large: { images: { csv: 'photos.csv', path: 'file', label: 'kind', size: [4, 4] } }, split },
    loss: 'softmaxCrossEntropy',
  },
  {
    name: 'tfrecord',
    file: 'rows.tfrecord.gz',
    data: { large: { tfrecord: 'rows.tfrecord.gz', inputs: 'x', label: 'label' }, split },
    loss: 'softmaxCrossEntropy',
  },
  {
    name: 'plain tfrecord',
    file: 'rows.tfrecord',
    data: { large: { tfrecord: 'rows.tfrecord', inputs: 'x', label: 'label' }, split },
    loss: 'softmaxCrossEntropy',
  },
];
