// What is fitted on the training rows of tensors.
import { expect, test } from 'vitest';
import { parseRecipe } from '@stillhouse/core';
import type { Selection } from '../row/selection.js';
import { fitTensors } from './tensor-rows.js';
import type { TensorSet } from './tensor-set.js';

const inputs = Float32Array.from({ length: 4 * 6 }, (_, i) => ((i * 7) % 11) + 100 * (i % 3));

/** Four rows of 2 × 3 numbers, in two chunks. */
const setOf = (inputShape: readonly number[]): TensorSet => ({
  what: 'rows',
  rowCount: 4,
  inputShape,
  dtype: 'F32',
  isBytes: false,
  classes: undefined,
  labelCount: 1,
  async *chunks() {
    for (const first of [0, 2])
      yield { rowCount: 2, cells: [inputs.subarray(first * 6, (first + 2) * 6), new Float32Array(2)] };
  },
});
const whole = { isWhole: true, pass: () => () => 'training' } as unknown as Selection;

test.each([[[2, 3]], [[6]], [[6, 1]]])('rows of %j: the mean and deviation of each channel', async (shape) => {
  const recipe = parseRecipe({
    data: {
      large: { npy: { inputs: 'x.npy', labels: 'y.npy' } },
      split: { test: 0.5 },
      tensors: { scale: 'standardize' },
    },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 1 }] } },
  });
  const { factors, offsets } = await fitTensors(setOf(shape), whole, recipe);
  const channels = shape.at(-1)!;
  expect(factors).toHaveLength(channels);
  for (let channel = 0; channel < channels; channel++) {
    const own = [...inputs].filter((_, i) => i % channels === channel);
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length);
    expect(factors[channel]).toBeCloseTo(1 / deviation, 12);
    expect(offsets[channel]).toBeCloseTo(-mean / deviation, 12);
  }
});
