import { expect, test } from 'vitest';
import sharp from 'sharp';
import { confusionChart } from '../chart/confusion.js';
import { lineChart } from '../chart/line-chart.js';
import { imageOf } from '../chart/picture.js';
import { differences } from './compare.js';
import { wilson } from './evaluate-run.js';

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
