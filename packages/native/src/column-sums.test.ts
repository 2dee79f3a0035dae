// Tall sums laid side by side: which are, and that the graph still says what it said.
import { expect, test } from 'vitest';
import { rowsSideBySide, splitColumnSums } from './column-sums.js';
import { attributeKinds, type GraphNode } from './graph-def.js';

test('as many rows side by side as divide them, keep a GPU busy, and leave no more sums than rows', () => {
  // The bias of a convolution, and of a wide dense layer.
  expect(rowsSideBySide(589_824, 64)).toBe(512);
  expect(rowsSideBySide(1024, 8192)).toBe(16);
  // Small, or with an odd number of rows.
  expect(rowsSideBySide(128, 1200)).toBe(1);
  expect(rowsSideBySide(999_999, 64)).toBe(1);
});

const axesOf = (axes: readonly number[]): GraphNode => ({
  name: 'axes',
  op: 'Const',
  inputs: [],
  attributes: [],
  value: { dtype: 3, shape: [axes.length], bytes: new Uint8Array(Int32Array.from(axes).buffer) },
});

const sumOf = (keepDims = false): GraphNode => ({
  name: 'sum',
  op: 'Sum',
  inputs: ['x:0', 'axes'],
  attributes: [
    { name: 'keep_dims', type: attributeKinds.bool, value: keepDims },
    { name: 'T', type: attributeKinds.type, value: 1 },
    { name: 'Tidx', type: attributeKinds.type, value: 3 },
  ],
});

const shapes = new Map([['x:0', [1024, 24, 24, 64]]]);

test('a sum over all axes but the last becomes two, and keeps its name', () => {
  const split = splitColumnSums([axesOf([0, 1, 2]), sumOf()], shapes);
  expect(split.filter(({ op }) => op === 'Sum').map(({ name }) => name)).toEqual(['sum/sums', 'sum']);
  const sizes = split.flatMap(({ name, value }) =>
    name.endsWith('/shape') ? [[...new Int32Array(value!.bytes.buffer)]] : [],
  );
  expect(sizes).toEqual([
    [1152, 32_768],
    [512, 64],
  ]);
});

test('other sums stay', () => {
  for (const nodes of [
    [axesOf([0, 1]), sumOf()],
    [axesOf([1, 2, 3]), sumOf()],
    [axesOf([0, 1, 2]), sumOf(true)],
  ])
    expect(splitColumnSums(nodes, shapes)).toEqual(nodes);
});
