// Optimisers on flat buffers. Each step's factors are computed in double and rounded to fp32; the arithmetic on the
// buffers is fp32, operation by operation, in the kernels: the same bits on every machine. core/optimizer has what each
// one computes.
import { optimizerOf, type OptimizerConfig } from '@stillhouse/core/training';
import type { SumMemory } from '@stillhouse/core/cluster';
import { allocateFlat, type Kernels } from './memory.js';

export interface FlatOptimizer {
  /** What is trained; each step switches to another buffer. */
  readonly parameters: Float32Array;
  /** The gradient of the mean loss over the global batch, as long as `parameters`, followed by what else is summed. */
  readonly flatGradient: Float32Array;
  /** Where sums lie that are added up to `flatGradient`. */
  readonly memory: SumMemory;
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

/**
 * The factor that brings the gradient's Euclidean norm down to at most `limit` (Pascanu et al. 2013); 1 without a
 * limit.
 */
export function clipFactor(
  kernels: Pick<Kernels, 'sumOfSquares'>,
  gradient: { count: number; at: number },
  limit: number | undefined,
): number {
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
  { parameterCount, restCount }: { parameterCount: number; restCount: number },
): FlatOptimizer {
  const optimizer = optimizerOf(config);
  const { buffers, kernels, sums } = allocateFlat([
    parameterCount,
    parameterCount,
    parameterCount + restCount,
    ...Array<number>(optimizer.stateCount(config)).fill(parameterCount),
  ]);
  const [even, odd, flatGradient, ...state] = buffers;
  const gradient = flatGradient.byteOffset;
  let [parameters, next] = [even, odd];
  return {
    get parameters() {
      return parameters;
    },
    flatGradient,
    memory: sums,
    state,
    apply(at) {
      const isFinite = optimizer.step({
        ...at,
        config,
        kernels,
        parameterCount,
        parameters: parameters.byteOffset,
        next: next.byteOffset,
        gradient,
        state: state.map((buffer) => buffer.byteOffset),
        clip: clipFactor(kernels, { count: parameterCount, at: gradient }, config.clipNorm),
      });
      if (isFinite !== 1) return false;
      [parameters, next] = [next, parameters];
      return true;
    },
  };
}
