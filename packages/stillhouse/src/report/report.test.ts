import { expect, test } from 'vitest';
import { confusionChart, imageOf, lineChart } from './charts.js';
import { differences } from './compare.js';
import { wilson } from './judge.js';

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
    { path: 'b.c[2]', values: ['–', '4'] },
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

test('an image as BMP, which browsers show without a network', () => {
  const html = imageOf([0, 1, 0.5, 1], [2, 2, 1]);
  const bytes = Buffer.from(/base64,([^"]+)/.exec(html)![1], 'base64');
  expect(bytes.toString('latin1', 0, 2)).toBe('BM');
  expect([bytes.readInt32LE(18), bytes.readInt32LE(22)]).toEqual([2, -2]);
  expect([...bytes.subarray(54, 60)]).toEqual([0, 0, 0, 255, 255, 255]);
  // Red, green, blue become blue, green, red.
  const pixel = Buffer.from(/base64,([^"]+)/.exec(imageOf([1, 0.5, 0], [1, 1, 3]))![1], 'base64');
  expect([...pixel.subarray(54, 57)]).toEqual([0, 128, 255]);
});
