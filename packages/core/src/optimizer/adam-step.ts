// What Adam and AdamW share: their keys, and their step (Kingma and Ba 2015, algorithm 1).
import { z } from 'zod';
import { optimizerCommon, type OptimizerStep } from './define-optimizer.js';

const decayRate = z.number().min(0).lt(1);

export const adamFields = {
  ...optimizerCommon,
  beta1: decayRate.default(0.9),
  beta2: decayRate.default(0.999),
  epsilon: z.number().positive().default(1e-7),
  learningRate: z.number().positive().default(0.001),
};

interface AdamConfig {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
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

/** @param decay of weights: coupled, as a part of the gradient, or decoupled from it */
export function adamStep(
  {
    config,
    kernels,
    parameterCount,
    parameters,
    next,
    gradient,
    state,
    clip,
    learningRate,
    step,
  }: OptimizerStep<AdamConfig>,
  decay: { coupled: number; decoupled: number },
): number {
  const { beta1, beta2, epsilon } = config;
  const [first, second] = state as [number, number];
  return kernels.adam(
    parameterCount,
    parameters,
    next,
    gradient,
    first,
    second,
    clip,
    decay.coupled,
    beta1,
    1 - beta1,
    beta2,
    1 - beta2,
    learningRate / (1 - powerOf(beta1, step + 1)),
    1 / (1 - powerOf(beta2, step + 1)),
    epsilon,
    decay.decoupled,
  );
}
