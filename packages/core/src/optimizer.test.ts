import { expect, test } from 'vitest';
import { clipFactor, createOptimizer, powerOf } from './optimizer.js';
import { randomStream } from './random.js';
import { recipeSchema, type OptimizerConfig } from './recipe/schema.js';

const optimizerSchema = recipeSchema.shape.teacher.shape.optimizer;
const configOf = (config: object): OptimizerConfig => optimizerSchema.parse(config);

/** Ten steps on one parameter, against the published update rule in plain doubles. */
function trace(config: OptimizerConfig, rule: (state: { theta: number; g: number; t: number }) => number): void {
  const next = randomStream(5);
  const optimizer = createOptimizer(config, 1);
  const parameters = Float32Array.of(0.7);
  let theta = 0.7;
  for (let step = 0; step < 10; step++) {
    const g = Math.fround(next() - 0.4);
    theta = rule({ theta, g, t: step + 1 });
    optimizer.apply(parameters, Float32Array.of(g), { learningRate: config.learningRate, step });
    expect(parameters[0]).toBeCloseTo(theta, 5);
  }
}

test('SGD with weight decay: θ ← θ − η(g + λθ)', () => {
  trace(configOf({ name: 'sgd', learningRate: 0.1, weightDecay: 0.01 }), ({ theta, g }) => theta - 0.1 * (g + 0.01 * theta));
});

test('momentum: v ← μv + g, θ ← θ − ηv; Nesterov: θ ← θ − η(g + μv) (Sutskever et al. 2013)', () => {
  for (const nesterov of [false, true]) {
    let v = 0;
    trace(configOf({ name: 'sgd', learningRate: 0.1, momentum: 0.9, nesterov }), ({ theta, g }) => {
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
    trace(configOf({ name, learningRate: 0.01, weightDecay: decay }), ({ theta, g, t }) => {
      const gradient = name === 'adam' ? g + decay * theta : g;
      m = 0.9 * m + 0.1 * gradient;
      v = 0.999 * v + 0.001 * gradient * gradient;
      const step = (0.01 * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-7);
      return theta - step - (name === 'adamw' ? 0.01 * decay * theta : 0);
    });
  }
});

test('clipping brings the global norm down to the limit, and leaves the gradient’s buffer as it is', () => {
  const gradient = Float32Array.of(3, 4);
  expect(clipFactor(gradient, 1)).toBeCloseTo(0.2, 10);
  expect(clipFactor(gradient, 10)).toBe(1);
  expect(clipFactor(gradient, undefined)).toBe(1);
  const parameters = new Float32Array(2);
  createOptimizer(configOf({ name: 'sgd', learningRate: 1, clipNorm: 1 }), 2).apply(parameters, gradient, { learningRate: 1, step: 0 });
  expect([...parameters].map((value) => Number(value.toFixed(6)))).toEqual([-0.6, -0.8]);
  // Other workers may still be receiving it.
  expect([...gradient]).toEqual([3, 4]);
});

test('powers by squaring', () => {
  for (const exponent of [0, 1, 2, 7, 1000]) expect(powerOf(0.999, exponent)).toBeCloseTo(0.999 ** exponent, 12);
});
