// What a rank trains by itself between two exchanges: weights and optimiser of its own. One set of them serves all
// ranks of a worker, one rank after the other, so memory does not grow with ranks.
import type { tf } from '@stillhouse/native/tfjs';
import type { SyncConfig } from '@stillhouse/core';
import type { OptimizerConfig } from '@stillhouse/core/training';
import { FlatModel, type FlatSizes } from '../flat/model.js';
import { createOptimizer, type FlatOptimizer } from '../flat/optimizer.js';

export interface LocalWeights {
  /** The same model as that of all ranks, on buffers of its own. */
  readonly flat: FlatModel;
  /** Its gradient is followed by the non-trainable weights that a pass leaves. */
  readonly optimizer: FlatOptimizer;
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
  { model, sizes }: { model: tf.LayersModel; sizes: FlatSizes },
): Promise<LocalWeights> {
  const { parameterCount, otherCount } = sizes;
  const optimizer = createOptimizer(config, { parameterCount, restCount: otherCount });
  return { flat: await FlatModel.of(model, optimizer), optimizer };
}

/** Begins a round: the weights of all, and an optimiser without a past. */
export async function beginRound({ flat, optimizer }: LocalWeights, from: FlatModel): Promise<void> {
  flat.parameters.set(from.parameters);
  flat.others.set(from.others);
  for (const buffer of optimizer.state) buffer.fill(0);
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
 * share · its non-trainable weights.
 * @returns whether every number is finite
 */
export function writeChange(
  { flat }: LocalWeights,
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
  for (let i = 0; i < flat.others.length; i++) to.out[before.length + i] = share * flat.others[i];
  return zero === 0;
}
