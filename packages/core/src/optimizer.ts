// Optimisers on the flat parameter buffer. Arithmetic in double, stored as fp32: the same bits on every machine.
// SGD with momentum follows Sutskever et al. 2013 in PyTorch's form, Adam Kingma and Ba 2015, AdamW Loshchilov and Hutter 2019.
import type { OptimizerConfig } from './recipe/schema.js';

export interface FlatOptimizer {
  /** State buffers, each as long as the parameters; every worker holds them all. */
  readonly state: readonly Float32Array[];
  /**
   * One step in place.
   * @param gradient gradient of the mean loss over the global batch, as long as `parameters`; left as it is, since
   *   parts of it may still be on their way to other workers
   * @param at learning rate of this step, and the step counted from 0
   * @returns whether all parameters are finite after it
   */
  apply(parameters: Float32Array, gradient: Float32Array, at: { learningRate: number; step: number }): boolean;
}

/** base^exponent for a natural exponent by squaring: plain multiplications, so the same bits everywhere. */
export function powerOf(base: number, exponent: number): number {
  let result = 1;
  let factor = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= factor;
    factor *= factor;
  }
  return result;
}

/** The factor that brings the gradient's Euclidean norm down to at most `limit` (Pascanu et al. 2013); 1 without a limit. */
export function clipFactor(gradient: Float32Array, limit: number | undefined): number {
  if (limit === undefined) return 1;
  let squares = 0;
  for (let i = 0; i < gradient.length; i++) squares += gradient[i] * gradient[i];
  const norm = Math.sqrt(squares);
  return norm > limit ? limit / norm : 1;
}

function sgd(config: OptimizerConfig & { name: 'sgd' }, length: number): FlatOptimizer {
  const { momentum, nesterov, weightDecay } = config;
  const velocity = momentum > 0 ? new Float32Array(length) : new Float32Array(0);
  return {
    state: momentum > 0 ? [velocity] : [],
    apply(parameters, gradient, { learningRate }) {
      const clip = clipFactor(gradient, config.clipNorm);
      let zero = 0;
      for (let i = 0; i < length; i++) {
        let g = clip * gradient[i] + weightDecay * parameters[i];
        if (momentum > 0) {
          const v = momentum * velocity[i] + g;
          velocity[i] = v;
          g = nesterov ? g + momentum * v : v;
        }
        const next = Math.fround(parameters[i] - learningRate * g);
        parameters[i] = next;
        // 0·x is NaN for an x that is not finite.
        zero += next * 0;
      }
      return zero === 0;
    },
  };
}

function adam(config: OptimizerConfig & { name: 'adam' | 'adamw' }, length: number): FlatOptimizer {
  const { beta1, beta2, epsilon, weightDecay } = config;
  const decoupled = config.name === 'adamw';
  const first = new Float32Array(length);
  const second = new Float32Array(length);
  return {
    state: [first, second],
    apply(parameters, gradient, { learningRate, step }) {
      const rate = learningRate / (1 - powerOf(beta1, step + 1));
      const secondScale = 1 / (1 - powerOf(beta2, step + 1));
      const shrink = decoupled ? 1 - learningRate * weightDecay : 1;
      const coupled = decoupled ? 0 : weightDecay;
      const clip = clipFactor(gradient, config.clipNorm);
      let zero = 0;
      for (let i = 0; i < length; i++) {
        const g = clip * gradient[i] + coupled * parameters[i];
        const m = beta1 * first[i] + (1 - beta1) * g;
        const v = beta2 * second[i] + (1 - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        const next = Math.fround(shrink * parameters[i] - (rate * m) / (Math.sqrt(v * secondScale) + epsilon));
        parameters[i] = next;
        zero += next * 0;
      }
      return zero === 0;
    },
  };
}

/** @param length number of trainable parameters */
export function createOptimizer(config: OptimizerConfig, length: number): FlatOptimizer {
  return config.name === 'sgd' ? sgd(config, length) : adam(config, length);
}
