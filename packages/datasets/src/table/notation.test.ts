// Numbers in other notations, read strictly: what is none must not become one.
import { numberOfText } from '@stillhouse/core';
import { expect, test } from 'vitest';
import { notationFor } from './notation.js';

test.each<[text: string, style: Parameters<typeof notationFor>[0], value: number]>([
  [' -1.5e1 ', {}, -15],
  ['.5', {}, 0.5],
  ['44,19', {}, NaN],
  ['44,19', { decimal: ',' }, 44.19],
  ['1.234,50', { decimal: ',' }, 1234.5],
  ['1.234.567', { decimal: ',' }, 1_234_567],
  ['-1 234,5', { decimal: ',' }, -1234.5],
  ['1\u00a0234,5', { decimal: ',' }, 1234.5],
  ["1'234", { decimal: ',' }, 1234],
  ['1869.525', { decimal: ',' }, NaN],
  ['12.34,5', { decimal: ',' }, NaN],
  [',', { decimal: ',' }, NaN],
  ['1,234.50', { decimal: '.' }, 1234.5],
  ['1234.5', { decimal: '.' }, 1234.5],
  ['1e3', { decimal: '.' }, 1000],
  ['1,2', { decimal: '.' }, NaN],
  ['$72.90', { units: ['$'] }, 72.9],
  ['-$72.90', { units: ['$'] }, -72.9],
  ['$-72.90', { units: ['$'] }, -72.9],
  ['7.6 %', { units: ['$', '%'] }, 7.6],
  ['$1,234.50', { decimal: '.', units: ['$'] }, 1234.5],
  ['1.234,50 €', { decimal: ',', units: ['€'] }, 1234.5],
  ['7.6%', {}, NaN],
  ['%', { units: ['%'] }, NaN],
  ['7%6', { units: ['%'] }, NaN],
  ['1 2', { decimal: '.' }, NaN],
  ['1,234,56', { decimal: '.' }, NaN],
  ['CHF 5.-', { units: ['CHF', '.-'] }, 5],
])('%s with %j', (text, style, value) => {
  expect(numberOfText(text, notationFor(style))).toBe(value);
});
