import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { rowsFor, type Sizes } from './teacher-inputs.js';

beforeAll(() => tf.setBackend('cpu'));

const numbers = (shape: number[]): tf.Tensor =>
  tf.reshape(
    tf.range(
      0,
      shape.reduce((product, size) => product * size, 1),
    ),
    shape,
  );

test.each<[string, Sizes | undefined, number[]]>([
  ['says nothing', undefined, [2, 4, 5, 3]],
  ['takes them so', [4, 5, 3], [2, 4, 5, 3]],
  ['takes any size', [undefined, undefined, 3], [2, 4, 5, 3]],
  ['takes as many columns', [6], [2, 6]],
])('a teacher that %s gets the rows themselves', (_, expected, shape) => {
  const x = numbers(shape);
  expect(rowsFor(expected, x)).toBe(x);
});

test('channels first', async () => {
  const x = numbers([2, 4, 5, 3]);
  const turned = rowsFor([3, 4, 5], x);
  expect(turned.shape).toEqual([2, 3, 4, 5]);
  const [given, got] = [await x.array(), await turned.array()] as number[][][][][];
  expect(got[1][2][3][4]).toBe(given[1][3][4][2]);
  expect(rowsFor([3, undefined, undefined], x).shape).toEqual([2, 3, 4, 5]);
});

test('flat, without the one channel, and without columns that only a student has', () => {
  expect(rowsFor([60], numbers([2, 4, 5, 3])).shape).toEqual([2, 60]);
  expect(rowsFor([4, 5], numbers([2, 4, 5, 1])).shape).toEqual([2, 4, 5]);
  expect([...rowsFor([2], numbers([2, 3])).dataSync()]).toEqual([0, 1, 3, 4]);
});

test.each<[Sizes, number[]]>([
  [
    [8, 8, 1],
    [2, 10],
  ],
  [[12], [2, 10]],
  [
    [5, 4, 3],
    [2, 4, 5, 3],
  ],
  [[59], [2, 4, 5, 3]],
])('rows that fit in no way are refused: %o of %o', (expected, shape) => {
  expect(() => rowsFor(expected, numbers(shape))).toThrow(`it takes [${expected.join(', ')}]`);
});
