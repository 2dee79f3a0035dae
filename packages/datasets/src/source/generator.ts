// Generated sets with ten features in [0, 1).
import { gaussian, hashName, randomStream, type SourceConfigOf } from '@stillhouse/core';
import { chunkRows } from '../row/chunk.js';
import type { TensorSet } from '../tensor/tensor-set.js';
import { defineSource } from './source.js';

const features = 10;

/**
 * Friedman #1 (Friedman 1991, eq. 61): y = 10 sin(π x₁x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅ + noise, which is in [0, 30]
 * without noise. Scaled to [0, 1) as (y + 5) / 40 and clamped; with unit noise that affects about one row in a million.
 */
function friedman1(x: Float32Array, noise: number): number {
  const y = 10 * Math.sin(Math.PI * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4] + noise;
  return Math.min(Math.max((y + 5) / 40, 0), 1 - 2 ** -24);
}

export const generator = defineSource<SourceConfigOf<'generator'>>({
  files: () => [],
  isRepeatable: () => true,
  open: (config) => ({ type: 'tensors', tensors: generatorSet(config) }),
});

/** `noise` draws labels that are independent of the features. */
function generatorSet(config: SourceConfigOf<'generator'>): TensorSet {
  return {
    what: `generator ${config.generator}`,
    rowCount: config.rows,
    inputShape: [features],
    dtype: 'F32',
    isBytes: false,
    classes: undefined,
    labelCount: 1,
    chunks: () => generate(config),
  };
}

async function* generate(config: SourceConfigOf<'generator'>): ReturnType<TensorSet['chunks']> & AsyncGenerator {
  const next = randomStream(hashName(config.generator), config.seed);
  for (let first = 0; first < config.rows; first += chunkRows) {
    const rowCount = Math.min(chunkRows, config.rows - first);
    const inputs = new Float32Array(rowCount * features);
    const labels = new Float32Array(rowCount);
    for (let i = 0; i < rowCount; i++) {
      const row = inputs.subarray(i * features, (i + 1) * features);
      for (let k = 0; k < features; k++) row[k] = next();
      labels[i] =
        config.generator === 'friedman1'
          ? friedman1(row, config.noise === 0 ? 0 : config.noise * gaussian(next))
          : next();
    }
    yield { rowCount, cells: [inputs, labels] };
  }
}
