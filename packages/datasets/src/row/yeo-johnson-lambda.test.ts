// λ by maximum likelihood against scipy.stats.yeojohnson_normmax (scipy 1.16).
import { expect, test } from 'vitest';
import { fitLambda } from './yeo-johnson-lambda.js';

const whole = Array.from({ length: 100 }, (_, i) => i + 1);
const chunks = (numbers: readonly number[], size: number) =>
  async function* () {
    for (let first = 0; first < numbers.length; first += size) yield numbers.slice(first, first + size);
  };

test.each([
  ['cubes', whole.map((n) => n ** 3), 0.23900967],
  ['negative squares', whole.map((n) => -(n ** 2)), 1.6417584],
  ['both signs', [...whole.map((n) => n ** 1.5), ...whole.slice(0, 50).map((n) => -n)], 0.70614541],
  ['a heavy tail', whole.map((n) => 1000 / n), -0.76249313],
  ['large squares', whole.map((n) => 1000 * n ** 2), 0.35850809],
])('%s', async (_, numbers, expected) => {
  expect(await fitLambda(chunks(numbers, 17))).toBeCloseTo(expected, 4);
  expect(await fitLambda(chunks([...numbers, NaN, Infinity], 1000))).toBeCloseTo(expected, 4);
});

test('numbers that do not vary are left as they are', async () => {
  for (const numbers of [[5, 5, 5], [5], []]) expect(await fitLambda(chunks(numbers, 10))).toBe(1);
});

test('numbers whose deviation is small beside them give some λ of the range', async () => {
  const lambda = await fitLambda(
    chunks(
      whole.map((n) => 1e8 + n),
      10,
    ),
  );
  expect(lambda).toBeGreaterThanOrEqual(-2);
  expect(lambda).toBeLessThanOrEqual(4);
});
