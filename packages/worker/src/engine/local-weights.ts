// What a rank trains by itself between two exchanges: weights and optimiser of its own. One set of them serves all
// ranks of a worker, one rank after the other, so memory does not grow with ranks.
import type { tf } from '@stillhouse/native/tfjs';
import type { SyncConfig } from '@stillhouse/core';
import type { OptimizerConfig } from '@stillhouse/core/training';
import { sharedFloats } from '../flat/memory.js';
import { FlatModel, type FlatSizes } from '../flat/model.js';
import { createOptimizer, type FlatOptimizer } from '../flat/optimizer.js';
import { RankStep, type StepOptions } from './rank-step.js';

export interface LocalWeights {
  /** The same model as that of all ranks, on buffers of its own. */
  readonly flat: FlatModel;
  readonly step: RankStep;
  /** Its gradient is followed by the non-trainable weights that a pass leaves. */
  readonly optimizer: FlatOptimizer;
  /** Mean state of the ranks' optimisers, which all workers hold; empty if it begins anew with each round. */
  readonly moments: readonly Float32Array[];
}

/** The optimiser that steps the weights of all by what ranks have changed: SGD with Nesterov momentum. */
export const outerOptimizer = ({ outer }: SyncConfig): OptimizerConfig => ({
  name: 'sgd',
  ...outer,
  nesterov: true,
  weightDecay: 0,
});

/** @throws StillhouseError MODEL_INVALID if the buffers take more than 4 GiB */
export async function localWeights(
  config: OptimizerConfig,
  { sync, model, sizes, step }: { sync: SyncConfig; model: tf.LayersModel; sizes: FlatSizes; step: StepOptions },
): Promise<LocalWeights> {
  const { parameterCount, otherCount } = sizes;
  const optimizer = createOptimizer(config, { parameterCount, restCount: otherCount });
  const moments = sync.moments === 'mean' ? optimizer.state.map(({ length }) => sharedFloats(length)) : [];
  const flat = await FlatModel.of(model, optimizer);
  return { flat, step: new RankStep(flat, step), optimizer, moments };
}

/** Begins a round: the weights of all, and an optimiser without a past or with the past that ranks share. */
export async function beginRound({ flat, optimizer, moments }: LocalWeights, from: FlatModel): Promise<void> {
  flat.parameters.set(from.parameters);
  flat.others.set(from.others);
  optimizer.state.forEach((buffer, i) => {
    if (moments[i]) buffer.set(moments[i]);
    else buffer.fill(0);
  });
  await flat.changed();
}

/**
 * Takes a step with the gradient of the rank's micro-batch, and keeps the non-trainable weights that its pass has left.
 * @param at learning rate, and the step counted from the round's first
 * @returns whether all weights are finite after it
 */
export async function stepLocally(
  { flat, optimizer }: LocalWeights,
  at: { learningRate: number; step: number },
): Promise<boolean> {
  if (!optimizer.apply(at)) return false;
  flat.others.set(optimizer.flatGradient.subarray(optimizer.parameters.length));
  await flat.changed();
  return true;
}

/**
 * What a rank has changed, as its contribution to the outer gradient: share · (weights of all − its own) in fp32, then
 * share · its non-trainable weights, and share · its optimiser's state if ranks share it.
 * @returns whether every number is finite
 */
export function writeChange(
  { flat, moments, optimizer }: LocalWeights,
  from: FlatModel,
  to: { share: number; out: Float32Array },
): boolean {
  const share = Math.fround(to.share);
  const before = from.parameters;
  const after = flat.parameters;
  let zero = 0;
  for (let i = 0; i < before.length; i++) {
    const change = Math.fround(before[i] - after[i]);
    to.out[i] = share * change;
    zero += change * 0;
  }
  let end = before.length;
  for (const numbers of [flat.others, ...optimizer.state.slice(0, moments.length)]) {
    for (let i = 0; i < numbers.length; i++) to.out[end + i] = share * numbers[i];
    end += numbers.length;
  }
  return zero === 0;
}

/** Keeps the mean state of the ranks' optimisers, from where it was summed. */
export function keepMoments({ moments }: LocalWeights, summed: Float32Array): void {
  let end = 0;
  for (const buffer of moments) {
    buffer.set(summed.subarray(end, end + buffer.length));
    end += buffer.length;
  }
}
