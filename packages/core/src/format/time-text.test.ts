// Dates and times as text are the seconds that DuckDB makes of its own dates and times.
import { expect, test } from 'vitest';
import { secondsOfTime, secondsOfTimestamp, textOfTime } from './time-text.js';

test.each<[text: string, seconds: number]>([
  ['1970-01-01', 0],
  ['1969-12-31', -86_400],
  ['2020-02-29', 1_582_934_400],
  ['1900-02-29', NaN],
  ['2000-02-29', 951_782_400],
  ['0001-01-01', -62_135_596_800],
  ['9999-12-31', 253_402_214_400],
  ['2020-13-01', NaN],
  ['2020-04-31', NaN],
  ['2020-00-10', NaN],
  ['2020-1-2', NaN],
  ['2020-01-01T12:00:00', 1_577_880_000],
  ['2020-01-01 12:00', 1_577_880_000],
  ['2020-01-01 12:00:00.123456', 1_577_880_000.123456],
  ['2020-01-01 12:00:00.1234569', 1_577_880_000.123456],
  ['1969-12-31T23:59:59.5Z', -0.5],
  ['2020-01-01T12:00:00+02:00', 1_577_872_800],
  ['2020-01-01T12:00:00-0230', 1_577_889_000],
  ['2020-01-01 12:00:00+02', 1_577_872_800],
  ['2020-01-01 24:00:00', NaN],
  ['2020-01-01 12:60:00', NaN],
  ['2020-01-01 12:00:60', NaN],
  ['2020-01-01+02', NaN],
  ['20200101', NaN],
  ['12:30:00', NaN],
])('%s is a moment: %d', (text, seconds) => {
  expect(secondsOfTimestamp(text)).toBe(seconds);
});

test.each<[text: string, seconds: number]>([
  ['12:30:00', 45_000],
  ['12:30', 45_000],
  ['00:00:01.5', 1.5],
  ['24:00', NaN],
  ['9:30', NaN],
  ['2020-01-01', NaN],
])('%s is a time of day: %d', (text, seconds) => {
  expect(secondsOfTime(text)).toBe(seconds);
});

test('every day follows the one before', () => {
  const gaps = new Set<number>();
  let before = secondsOfTimestamp('1899-12-31');
  for (let year = 1900; year < 2110; year++)
    for (let month = 1; month <= 12; month++)
      for (let day = 1; day <= 31; day++) {
        const text = [String(year), ...[month, day].map((part) => String(part).padStart(2, '0'))].join('-');
        const seconds = secondsOfTimestamp(text);
        if (Number.isNaN(seconds)) continue;
        gaps.add(seconds - before);
        before = seconds;
      }
  expect([...gaps]).toEqual([86_400]);
});

test.each<[seconds: number, notation: 'timestamp' | 'time', text: string]>([
  [1_276_473_600, 'timestamp', '2010-06-14'],
  [1_276_473_600 + 45_000, 'timestamp', '2010-06-14 12:30'],
  [-0.5, 'timestamp', '1969-12-31 23:59:59.500'],
  [45_001, 'time', '12:30:01'],
  [0, 'time', '00:00'],
])('%d is written as %s: %s', (seconds, notation, text) => {
  expect(textOfTime(seconds, notation)).toBe(text);
  expect((notation === 'time' ? secondsOfTime : secondsOfTimestamp)(text)).toBe(seconds);
});
