import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fitBiases } from './class-shares.js';

const classes = 3;
const logitsArbitrary = fc.array(
  fc.tuple(...Array.from({ length: classes }, () => fc.double({ min: -4, max: 4, noNaN: true }))),
  { minLength: 5, maxLength: 40 },
);
const sharesArbitrary = fc
  .tuple(...Array.from({ length: classes }, () => fc.double({ min: 0.05, max: 1, noNaN: true })))
  .map((values) => values.map((value) => value / values.reduce((sum, each) => sum + each, 0)));

test('with the biases, the mean of the softmax is what was asked for', () => {
  fc.assert(
    fc.property(logitsArbitrary, sharesArbitrary, (rows, shares) => {
      const biases = fitBiases(Float32Array.from(rows.flat()), shares);
      const means = [0, 0, 0];
      for (const row of rows) {
        const powers = row.map((value, k) => Math.exp(Math.fround(value) + biases[k]!));
        powers.forEach(
          (power, k) => (means[k]! += power / powers.reduce((sum, value) => sum + value, 0) / rows.length),
        );
      }
      means.forEach((mean, k) => expect(mean).toBeCloseTo(shares[k]!, 4));
      expect(biases.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 9);
    }),
  );
});

test('shares that are met already ask for nothing, and a common shift of the logits changes nothing', () => {
  expect([...fitBiases(Float32Array.of(1, -1, -1, 1), [0.5, 0.5])]).toEqual([0, 0]);
  const logits = Float32Array.of(2, 0, 1, 3, -1, 0.5);
  const shifted = fitBiases(
    logits.map((value) => value + 2),
    [0.7, 0.3],
  );
  fitBiases(logits, [0.7, 0.3]).forEach((value, k) => expect(shifted[k]).toBeCloseTo(value, 6));
});
