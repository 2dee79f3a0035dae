import { expect, test } from 'vitest';
import { powerOf } from './adam-step.js';

test('powers by squaring', () => {
  for (const exponent of [0, 1, 2, 7, 1000]) expect(powerOf(0.999, exponent)).toBeCloseTo(0.999 ** exponent, 12);
});
