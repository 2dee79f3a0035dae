// Optimisers on flat buffers. Each step's factors are computed in double and rounded to fp32; the arithmetic on the
// buffers is fp32, operation by operation, in the kernels: the same bits on every machine. SGD with momentum follows
// Sutskever et al. 2013 in PyTorch's form, Adam Kingma and Ba 2015, AdamW Loshchilov and Hutter 2019.
import type { OptimizerConfig } from '@stillhouse/core';
import { allocateFlat, type Kernels } from './memory.js';

export interface FlatOptimizer {
  /** What is trained; each step switches to another buffer. */
  readonly parameters: Float32Array;
  /** The gradient of the mean loss over the global batch, as long as `parameters`, followed by what else is summed. */
  readonly flatGradient: Float32Array;
  /** State buffers, each as long as the parameters; every worker holds them all. */
  readonly state: readonly Float32Array[];
  /**
   * Steps `parameters` by the gradient in `flatGradient`, which is not changed, because parts of it may still be on
   * their way to other workers.
   * @param at learning rate of this step, and the step counted from 0
   * @returns whether all parameters are finite after it; if not, `parameters` are unchanged
   */
  apply(at: { learningRate: number; step: number }): boolean;
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

/**
 * The factor that brings the gradient's Euclidean norm down to at most `limit` (Pascanu et al. 2013); 1 without a
 * limit.
 */
function clipFactor(kernels: Kernels, gradient: { count: number; at: number }, limit: number | undefined): number {
  if (limit === undefined) return 1;
  const norm = Math.sqrt(kernels.sumOfSquares(gradient.count, gradient.at));
  return norm > limit ? limit / norm : 1;
}

/**
 * @param lengths.parameterCount trainable parameters
 * @param lengths.restCount numbers that are summed in addition to the gradient
 * @throws StillhouseError MODEL_INVALID if the buffers take more than 4 GiB
 */
export function createOptimizer(
  config: OptimizerConfig,
  lengths: { parameterCount: number; restCount: number },
): FlatOptimizer {
  const count = lengths.parameterCount;
  const stateCount = config.name === 'sgd' ? Number(config.momentum > 0) : 2;
  const { buffers, kernels } = allocateFlat([
    count,
    count,
    count + lengths.restCount,
    ...Array<number>(stateCount).fill(count),
  ]);
  const [even, odd, flatGradient, ...state] = buffers;
  const [first = 0, second = 0] = state.map((buffer) => buffer.byteOffset);
  const gradient = flatGradient.byteOffset;
  let [parameters, next] = [even, odd];
  const kernel = ({ learningRate, step }: { learningRate: number; step: number }): number => {
    const [from, to] = [parameters.byteOffset, next.byteOffset];
    const clip = clipFactor(kernels, { count, at: gradient }, config.clipNorm);
    if (config.name === 'sgd')
      return kernels.sgd(
        count,
        from,
        to,
        gradient,
        first,
        clip,
        config.weightDecay,
        config.momentum,
        config.nesterov,
        learningRate,
      );
    const { beta1, beta2, epsilon, weightDecay } = config;
    const rate = learningRate / (1 - powerOf(beta1, step + 1));
    const scale = 1 / (1 - powerOf(beta2, step + 1));
    const [coupled, decay] = config.name === 'adam' ? [weightDecay, 0] : [0, learningRate * weightDecay];
    return kernels.adam(
      count,
      from,
      to,
      gradient,
      first,
      second,
      clip,
      coupled,
      beta1,
      1 - beta1,
      beta2,
      1 - beta2,
      rate,
      scale,
      epsilon,
      decay,
    );
  };
  return {
    get parameters() {
      return parameters;
    },
    flatGradient,
    state,
    apply(at) {
      if (kernel(at) !== 1) return false;
      [parameters, next] = [next, parameters];
      return true;
    },
  };
}
