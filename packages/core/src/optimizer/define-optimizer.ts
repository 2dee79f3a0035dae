// What an optimiser is: its part of the recipe, its state, and its step by kernels on flat fp32 buffers, which the
// worker has (worker/assembly/kernels.ts). Factors are computed in doubles; a kernel rounds them to fp32.
import { z } from 'zod';

/** Addresses are in bytes, counts in floats; docs at each kernel in worker/assembly/kernels.ts. */
export interface OptimizerKernels {
  sgd(
    count: number,
    parameters: number,
    next: number,
    gradient: number,
    velocity: number,
    clip: number,
    decay: number,
    momentum: number,
    nesterov: boolean,
    rate: number,
  ): number;
  adam(
    count: number,
    parameters: number,
    next: number,
    gradient: number,
    first: number,
    second: number,
    clip: number,
    coupled: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    rate: number,
    scale: number,
    epsilon: number,
    decay: number,
  ): number;
}

export interface OptimizerStep<Config> {
  readonly config: Config;
  readonly kernels: OptimizerKernels;
  readonly parameterCount: number;
  /** Addresses of the buffers; `next` gets the new parameters. */
  readonly parameters: number;
  readonly next: number;
  readonly gradient: number;
  readonly state: readonly number[];
  /** Factor by which the gradient is multiplied. */
  readonly clip: number;
  readonly learningRate: number;
  /** Number of the step, counted from 0. */
  readonly step: number;
}

export interface Optimizer<Config> {
  readonly name: string;
  /** State buffers, each as long as the parameters. */
  stateCount(config: Config): number;
  /** @returns 1 if all new parameters are finite */
  step(of: OptimizerStep<Config>): number;
}

/** An optimiser, typed by the schema of its part of the recipe. */
export const defineOptimizer = <Schema extends z.ZodObject>(
  definition: Optimizer<z.output<Schema>> & { readonly schema: Schema },
): Optimizer<z.output<Schema>> & { readonly schema: Schema } => definition;

/** Keys that every optimiser has. */
export const optimizerCommon = {
  learningRate: z.number().positive(),
  weightDecay: z.number().min(0).default(0),
  clipNorm: z.number().positive().optional().describe('Clips the gradient of the global batch to this Euclidean norm.'),
};
