import { expect, test } from 'vitest';
import { instructionsIn, processor } from './processor.js';

test('of the instructions those that kernels are chosen by, in one order', () => {
  expect(
    instructionsIn(
      'processor\t: 0\nmodel name\t: Xeon\nflags\t\t: fpu amx_tile sse avx2 avx fma md_clear\n\nprocessor\t: ' +
        '1\nflags\t\t: fpu\n',
    ),
  ).toEqual(['avx', 'avx2', 'fma', 'amx_tile']);
  expect(instructionsIn('processor\t: 0\nFeatures\t: fp asimd asimddp crc32\n')).toEqual(['asimd', 'asimddp']);
  expect(instructionsIn('')).toEqual([]);
});

test('this machine has a name', () => {
  expect(processor()).not.toBe('');
});
