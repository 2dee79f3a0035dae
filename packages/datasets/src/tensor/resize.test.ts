import { expect, test } from 'vitest';
import { resizeImages } from './resize.js';

test('the same size leaves bytes as they are; a border is black', () => {
  const image = Uint8Array.from({ length: 12 }, (_, i) => 10 * i);
  expect(resizeImages(image, [2, 3, 2], { size: [2, 3], pad: 0 })).toEqual(image);
  expect([...resizeImages(Uint8Array.of(7), [1, 1, 1], { size: [1, 1], pad: 1 })]).toEqual([0, 0, 0, 0, 7, 0, 0, 0, 0]);
});

test('twice as large interpolates between the middles of pixels', () => {
  expect([...resizeImages(Uint8Array.of(0, 100), [1, 2, 1], { size: [1, 4], pad: 0 })]).toEqual([0, 25, 75, 100]);
});

test('half as large takes means, and keeps the mean of a whole', () => {
  const half = resizeImages(Uint8Array.of(0, 0, 120, 120, 0, 0, 120, 120), [2, 4, 1], { size: [1, 2], pad: 0 });
  expect([...half]).toEqual([17, 103]);
  const flat = resizeImages(new Uint8Array(28 * 28 * 3).fill(200), [28, 28, 3], { size: [9, 13], pad: 0 });
  expect(new Set(flat)).toEqual(new Set([200]));
});

test('each image of several is its own', () => {
  const two = resizeImages(Uint8Array.of(50, 50, 50, 50, 9, 9, 9, 9), [2, 2, 1], { size: [1, 1], pad: 0 });
  expect([...two]).toEqual([50, 9]);
});
