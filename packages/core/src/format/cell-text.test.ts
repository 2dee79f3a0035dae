// The same text means the same number or category in every table and in rows to predict.
import { describe, expect, test } from 'vitest';
import { booleanOfText, categoryFinder, categoryText, numberOfText, wantedText } from './cell-text.js';

test('numbers are plain, or become plain by replacements', () => {
  expect([' -1.5e1 ', '.5', '44,19', '0x1', ''].map((text) => numberOfText(text))).toEqual([-15, 0.5, NaN, NaN, NaN]);
  const notation = [
    [',', '.'],
    ['%$', ''],
  ] as const;
  expect(['7,6%', '%7', '1,2,3'].map((text) => numberOfText(text, notation))).toEqual([7.6, NaN, NaN]);
});

describe('categories', () => {
  test.each([
    [' Oslo ', 'Oslo'],
    ['3.0', '3'],
    ['-3.00', '-3'],
    [3, '3'],
    ['3.10', '3.10'],
    ['v3.0', 'v3.0'],
    ['007', '007'],
  ])('%j', (cell, text) => {
    expect(categoryText(cell)).toBe(text);
  });

  test('booleans are found however they are written, but only among booleans', () => {
    const find = categoryFinder(['False', 'True']);
    expect(['true', 'TRUE', '1', 'False', '0', 'maybe'].map(find)).toEqual([2, 2, 2, 1, 1, 0]);
    expect(['True', '1', 'false'].map(categoryFinder(['0', '1']))).toEqual([2, 2, 1]);
    expect(['true', '1'].map(categoryFinder(['True', 'perhaps']))).toEqual([0, 0]);
    expect(booleanOfText('yes')).toBeNaN();
  });

  test('names that an earlier version stored are found as well', () => {
    expect(['3', '3.0', '4'].map(categoryText).map(categoryFinder(['2.0', '3.0']))).toEqual([2, 2, 0]);
  });
});

test.each([
  [undefined, 'a number'],
  ['timestamp', 'a date such as 2020-12-31, or one with a time such as 2020-12-31 14:30'],
  ['time', 'a time of day such as 14:30'],
  [[['^€', '']], 'a number such as €1234.5'],
  [[[',', '']], 'a number such as 1,234.5'],
] as const)('a text in the notation %j should be %s', (notation, what) => {
  expect(wantedText(notation)).toBe(what);
});
