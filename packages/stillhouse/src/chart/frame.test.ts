// Marks below a frame stay inside the picture and are not written over each other.
import { expect, test } from 'vitest';
import { confusionChart } from './confusion.js';
import { Frame, withMarginFor } from './frame.js';
import { linearScale } from './scale.js';
import { textWidth } from './svg.js';

const size = { width: 340, height: 280, left: 72, top: 16, right: 16, bottom: 44 };

test('marks of many digits do not overlap and end inside the picture', () => {
  const scale = linearScale([1_000_000, 7_000_000]);
  const svg = new Frame(size, { x: scale, y: scale }).axes({ x: 'x', y: 'y' });
  const marks = [...svg.matchAll(/<text x="([\d.]+)" y="254\.0" text-anchor="middle">([\d,]+)</g)].map(
    ([, x, label]) => [Number(x) - textWidth(label) / 2, Number(x) + textWidth(label) / 2],
  );
  expect(marks.length).toBeGreaterThan(2);
  marks.forEach(([, end], i) => expect(end).toBeLessThan(marks[i + 1]?.[0] ?? size.width));
});

test('marks of many digits leave room for the title to their left', () => {
  const scale = linearScale([-1e9, 3e9]);
  const { left } = withMarginFor(size, scale);
  const longest = Math.max(...scale.ticks.map(({ label }) => textWidth(label)));
  // The title is 11 pixels high around 14, and marks end 6 pixels before the frame.
  expect(left - 6 - longest).toBeGreaterThan(14 + 11 / 2);
  expect(withMarginFor(size, linearScale([0, 1]))).toEqual(size);
});

test('a confusion matrix has whole names, and cuts very long ones visibly', () => {
  const svg = confusionChart(
    [
      [3, 1],
      [0, 4],
    ],
    ['Adelie penguin', 'a class with a name that goes on and on'],
  );
  expect(svg.match(/>Adelie penguin</g)).toHaveLength(2);
  expect(svg.match(/>a class with a name that go…</g)).toHaveLength(2);
});
