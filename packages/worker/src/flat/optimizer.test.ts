import fc from 'fast-check';
import { tf } from '@stillhouse/native/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseRecipe, randomStream, type RecipeInput } from '@stillhouse/core';
import type { OptimizerConfig } from '@stillhouse/core/training';
import { allocateFlat } from './memory.js';
import { createOptimizer } from './optimizer.js';

const source = { generator: 'noise', rows: 1 } as const;
type Input = NonNullable<NonNullable<RecipeInput['student']>['optimizer']>;
const configOf = (optimizer: Input): OptimizerConfig => {
  const trained = { model: { layers: [{ dense: 1 }] }, optimizer };
  return parseRecipe({
    data: { large: source, small: source, test: source },
    loss: 'mse',
    teacher: trained,
    student: trained,
  }).student!.optimizer;
};

describe('the published update rules, in plain doubles', () => {
  function follow(config: OptimizerConfig, rule: (state: { theta: number; g: number; t: number }) => number): void {
    const next = randomStream(5);
    const optimizer = createOptimizer(config, { parameterCount: 1, restCount: 0 });
    optimizer.parameters[0] = 0.7;
    let theta = 0.7;
    for (let step = 0; step < 10; step++) {
      const g = Math.fround(next() - 0.4);
      theta = rule({ theta, g, t: step + 1 });
      optimizer.flatGradient[0] = g;
      expect(optimizer.apply({ learningRate: config.learningRate, step })).toBe(true);
      expect(optimizer.parameters[0]).toBeCloseTo(theta, 5);
    }
  }

  test('SGD with weight decay: θ ← θ − η(g + λθ)', () => {
    follow(
      configOf({ name: 'sgd', learningRate: 0.1, weightDecay: 0.01 }),
      ({ theta, g }) => theta - 0.1 * (g + 0.01 * theta),
    );
  });

  test('momentum: v ← μv + g, θ ← θ − ηv; Nesterov: θ ← θ − η(g + μv) (Sutskever et al. 2013)', () => {
    for (const nesterov of [false, true]) {
      let v = 0;
      follow(configOf({ name: 'sgd', learningRate: 0.1, momentum: 0.9, nesterov }), ({ theta, g }) => {
        v = 0.9 * v + g;
        return theta - 0.1 * (nesterov ? g + 0.9 * v : v);
      });
    }
  });

  test('Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019, algorithm 2)', () => {
    for (const name of ['adam', 'adamw'] as const) {
      let m = 0;
      let v = 0;
      const decay = 0.05;
      follow(configOf({ name, learningRate: 0.01, weightDecay: decay }), ({ theta, g, t }) => {
        const gradient = name === 'adam' ? g + decay * theta : g;
        m = 0.9 * m + 0.1 * gradient;
        v = 0.999 * v + 0.001 * gradient * gradient;
        const step = (0.01 * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-7);
        return theta - step - (name === 'adamw' ? 0.01 * decay * theta : 0);
      });
    }
  });
});

describe('TFJS’s own optimisers on the same gradients', () => {
  const length = 50;

  beforeAll(async () => {
    tf.enableProdMode();
    await tf.setBackend('cpu');
  });

  test.each([
    ['SGD', { name: 'sgd', learningRate: 0.1 }, () => tf.train.sgd(0.1)],
    ['momentum', { name: 'sgd', learningRate: 0.1, momentum: 0.9 }, () => tf.train.momentum(0.1, 0.9)],
    ['Adam', { name: 'adam', learningRate: 0.01 }, () => tf.train.adam(0.01, 0.9, 0.999, 1e-7)],
  ] as const)('%s', (_, optimizer, theirs) => {
    const next = randomStream(9);
    const ours = createOptimizer(configOf(optimizer), { parameterCount: length, restCount: 3 });
    ours.parameters.forEach((_value, i, parameters) => (parameters[i] = next()));
    const variable = tf.variable(tf.tensor1d(ours.parameters.slice()));
    const reference = theirs();
    for (let step = 0; step < 30; step++) {
      const gradient = Float32Array.from({ length }, () => next() - 0.5);
      ours.flatGradient.set(gradient);
      ours.apply({ learningRate: optimizer.learningRate, step });
      reference.applyGradients([{ name: variable.name, tensor: tf.tensor1d(gradient) }]);
    }
    const expected = variable.dataSync();
    ours.parameters.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
  });
});

/** Step by step in fp32, one number at a time. */
function plainStep(
  config: OptimizerConfig,
  at: {
    parameters: Float32Array;
    gradient: Float32Array;
    state: Float32Array[];
    clip: number;
    learningRate: number;
    step: number;
  },
): Float32Array {
  const f = Math.fround;
  const { parameters, gradient, state, learningRate, step } = at;
  const clip = f(at.clip);
  return parameters.map((p, i) => {
    if (config.name === 'sgd') {
      const mu = f(config.momentum);
      let update = f(f(clip * gradient[i]) + f(f(config.weightDecay) * p));
      if (state.length > 0) {
        const v = f(f(mu * state[0][i]) + update);
        state[0][i] = v;
        update = config.nesterov ? f(update + f(mu * v)) : v;
      }
      return f(p - f(f(learningRate) * update));
    }
    const { beta1, beta2, epsilon, weightDecay, name } = config;
    const g = f(f(clip * gradient[i]) + f(f(name === 'adam' ? weightDecay : 0) * p));
    const m = f(f(f(beta1) * state[0][i]) + f(f(1 - beta1) * g));
    const v = f(f(f(beta2) * state[1][i]) + f(f(f(1 - beta2) * g) * g));
    state[0][i] = m;
    state[1][i] = v;
    const rate = f(learningRate / (1 - beta1 ** (step + 1)));
    const scale = f(1 / (1 - beta2 ** (step + 1)));
    const update = f(f(rate * m) / f(f(Math.sqrt(f(v * scale))) + f(epsilon)));
    return f(p - f(f(f(name === 'adamw' ? learningRate * weightDecay : 0) * p) + update));
  });
}

test('four lanes at a time give the bits of one number at a time, for any length', () => {
  const inputs: Input[] = [
    { name: 'sgd' },
    { name: 'sgd', momentum: 0.9, weightDecay: 0.01 },
    { name: 'sgd', momentum: 0.8, nesterov: true },
    { name: 'adam', weightDecay: 0.02 },
    { name: 'adamw', weightDecay: 0.1, clipNorm: 0.5 },
  ];
  const configs = inputs.map(configOf);
  fc.assert(
    fc.property(
      fc.constantFrom(...configs),
      fc.integer({ min: 1, max: 23 }),
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 9999 }),
      (config, length, rest, seed) => {
        const next = randomStream(seed);
        const optimizer = createOptimizer(config, { parameterCount: length, restCount: rest });
        let plain: Float32Array = Float32Array.from({ length }, () => next() - 0.5);
        optimizer.parameters.set(plain);
        const state = optimizer.state.map(() => new Float32Array(length));
        for (let step = 0; step < 4; step++) {
          optimizer.flatGradient.set(
            Float32Array.from({ length: length + rest }, () => (next() - 0.5) * 10 ** (next() * 8 - 4)),
          );
          const before = optimizer.flatGradient.slice();
          const gradient = before.subarray(0, length);
          const norm = Math.hypot(...gradient);
          const clip = config.clipNorm !== undefined && norm > config.clipNorm ? config.clipNorm / norm : 1;
          plain = plainStep(config, { parameters: plain, gradient, state, clip, learningRate: 0.01, step });
          expect(optimizer.apply({ learningRate: 0.01, step })).toBe(true);
          if (config.clipNorm === undefined) expect([...optimizer.parameters]).toEqual([...plain]);
          else optimizer.parameters.forEach((value, i) => expect(value).toBeCloseTo(plain[i], 5));
          // Other workers may still be receiving it.
          expect(optimizer.flatGradient).toEqual(before);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('clipping brings the global norm down to the limit', () => {
  const optimizer = createOptimizer(configOf({ name: 'sgd', learningRate: 1, clipNorm: 1 }), {
    parameterCount: 6,
    restCount: 0,
  });
  optimizer.flatGradient.set([3, 0, 0, 0, 0, 4]);
  optimizer.apply({ learningRate: 1, step: 0 });
  expect([...optimizer.parameters].map((value) => Number(value.toFixed(6)))).toEqual([-0.6, 0, 0, 0, 0, -0.8]);
  optimizer.flatGradient.set([0.3, 0, 0, 0, 0, 0.4]);
  optimizer.apply({ learningRate: 1, step: 1 });
  expect([...optimizer.parameters].map((value) => Number(value.toFixed(6)))).toEqual([-0.9, 0, 0, 0, 0, -1.2]);
});

test.each([1, 4, 6])('a step of %i weights in which one overflows is not taken', (length) => {
  for (const name of ['sgd', 'adam'] as const) {
    for (let bad = 0; bad < length; bad++) {
      const optimizer = createOptimizer(configOf({ name }), { parameterCount: length, restCount: 0 });
      optimizer.parameters.fill(0.5);
      optimizer.parameters[bad] = 3e38;
      optimizer.flatGradient.fill(-1);
      const before = optimizer.parameters.slice();
      expect(optimizer.apply({ learningRate: 3e38, step: 0 })).toBe(false);
      expect(optimizer.parameters).toEqual(before);
    }
  }
});

test('buffers begin at pages, after the one of the kernels’ scratch block, and end within 4 GiB', () => {
  const { buffers } = allocateFlat([1, 17, 0, 5]);
  expect(buffers.map(({ byteOffset, length }) => [byteOffset, length])).toEqual([
    [4096, 1],
    [8192, 17],
    [12_288, 0],
    [12_288, 5],
  ]);
  expect(() => allocateFlat([2 ** 30])).toThrow(
    expect.objectContaining({ code: 'MODEL_INVALID', message: expect.stringContaining('4.00 GiB') }),
  );
});
