// Numbers as people read them.
import { expect, test } from 'vitest';
import {
  formatBitRate,
  formatEstimate,
  formatMs,
  formatNumber,
  formatSeconds,
  formatShare,
  formatValue,
} from './number-text.js';

test.each([
  [0, '0'],
  [1, '1'],
  [137_500, '137,500'],
  [51_985.3693, '51,985'],
  [0.5304928845688436, '0.5305'],
  [-0.5304928845688436, '-0.5305'],
  [9.99996, '10.00'],
  [999.96, '1,000'],
  [12.3456, '12.35'],
  [0.5, '0.5000'],
  [0.000123456, '0.0001235'],
  [0.0000123456, '1.235e-5'],
  [2e15, '2.000e+15'],
  [NaN, 'not finite'],
  [-Infinity, 'not finite'],
])('%d is written %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test.each([
  [0.5, '0.5'],
  [1e-5, '1e-5'],
  [0.25, '0.25'],
  [137_500, '137,500'],
  [100, '100'],
  [0.30000000000000004, '0.3'],
])('a value of a recipe, %d, is written %s', (value, text) => {
  expect(formatValue(value)).toBe(text);
});

test.each([
  [0.97813, '97.81 %'],
  [1, '100.00 %'],
  [NaN, 'not finite'],
])('a share of %d is written %s', (value, text) => {
  expect(formatShare(value)).toBe(text);
});

test.each([
  [0.53049, 0.00213, '0.5305 ± 0.0021'],
  [51_985.37, 1243.2, '51,985 ± 1,243'],
  [51_985.37, 0.0012, '51,985.370 ± 0.001'],
  [0.5, 0, '0.5000 ± 0.0000'],
  [0.5, Infinity, '0.5000'],
  [1e-6, 2.345e-8, '1.000e-6 ± 2.3e-8'],
])('%d ± %d is written %s', (mean, uncertainty, text) => {
  expect(formatEstimate(mean, uncertainty)).toBe(text);
});

test.each([
  [0.0851, '0.085 s'],
  [3.14159, '3.14 s'],
  [12.34, '12.3 s'],
  [59.96, '1 min 00 s'],
  [125, '2 min 05 s'],
  [3599.7, '1 h 00 min'],
  [11_240, '3 h 07 min'],
  [Infinity, 'not finite'],
])('%d seconds are written %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test.each([
  [0.8512, '0.851 ms'],
  [12.345, '12.3 ms'],
  [3120.4, '3,120 ms'],
])('%d milliseconds are written %s', (ms, text) => {
  expect(formatMs(ms)).toBe(text);
});

test.each([
  [1.175e9, '9.4 Gbit/s'],
  [117.5e6, '940 Mbit/s'],
  [8_000, '64 kbit/s'],
])('%d bytes per second are written %s', (bytesPerSecond, text) => {
  expect(formatBitRate(bytesPerSecond)).toBe(text);
});
