// The pass of one rank's micro-batch: its share of the loss, the gradient of that, and its share of the non-trainable
// weights that the pass leaves. Computed eagerly, or recorded as a graph if the engine can (TensorFlow).
import { tf } from '@stillhouse/native/tfjs';
import type { Precision } from '@stillhouse/core';
import { nativeTracing, TracedComputation } from '@stillhouse/native/engines';
import { withSeededRandom } from '../backend/seeded-random.js';
import type { FlatModel } from '../flat/model.js';
import type { PreparedBatch } from '../objective/objective.js';

export interface Pass {
  readonly batch: PreparedBatch;
  /** Key for the draws of dropout and noise. */
  readonly key: readonly number[];
  /** Numbers of the batch's inputs, if they are not those of its tensors: the first are bytes. */
  readonly bytes?: readonly [Uint8Array, ...Float32Array[]] | undefined;
  /** What the loss is multiplied by, rounded to fp32: the rank's share of the global batch. */
  readonly share: number;
}

/** Loss, then the gradient of each trainable weight, then the non-trainable weights. */
function passOf(flat: FlatModel, batch: PreparedBatch, share: tf.Tensor): tf.Tensor[] {
  const { model, variables } = flat;
  const total = (): tf.Scalar => {
    // First, because a recorded pass must begin with the forward pass.
    const loss = batch.loss();
    const regularisation = model.calculateLosses();
    return tf.mul(regularisation.length ? tf.addN([loss, ...regularisation]) : loss, share);
  };
  const { value, grads } = tf.variableGrads(total, variables);
  return [
    value,
    ...variables.map((variable) => grads[variable.name] ?? tf.zerosLike(variable)),
    ...flat.otherTensors.map((weight) => tf.mul(weight, share)),
  ];
}

/**
 * Copies numbers; returns whether every one is finite, since 0·x is NaN for those that are not.
 */
function copyFinite(values: Float32Array, out: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    out[i] = value;
    zero += value * 0;
  }
  return zero === 0;
}

/**
 * Computes a pass op by op. The model's own weights must be current.
 * @param outputs one number; then one buffer for each trainable weight's gradient, and for each other weight
 * @returns whether all outputs are finite
 */
export async function passEagerly(
  flat: FlatModel,
  { batch, key, share }: Pass,
  outputs: readonly Float32Array[],
): Promise<boolean> {
  const tensors = tf.tidy(() => withSeededRandom(key, () => passOf(flat, batch, tf.scalar(share))));
  const values = await Promise.all(tensors.map((tensor) => tensor.data()));
  tf.dispose(tensors);
  return values.map((numbers, i) => copyFinite(numbers as Float32Array, outputs[i])).every(Boolean);
}

/** Passes of the same shapes are one recording. */
export const shapesOf = ({ inputs }: PreparedBatch): string => inputs.map((tensor) => tensor.shape.join()).join(';');

/** What a recorded pass reads of a batch. */
export const batchInputsOf = ({ batch, bytes }: Pass): readonly (Float32Array | Uint8Array)[] =>
  bytes ?? batch.inputs.map((tensor) => tensor.dataSync() as Float32Array);

/** What a recorded pass needs to draw its noise. */
export const drawsOf = (
  flat: FlatModel,
  { batch, key }: Pass,
): { forward: () => unknown; tensors: tf.Tensor[]; withDraws: (work: () => void) => void } => ({
  forward: batch.loss,
  tensors: [...flat.variables, ...flat.otherTensors, ...batch.inputs],
  withDraws: (work) => withSeededRandom(key, work),
});

/**
 * Its inputs are the trainable weights, the others, the share, and batchInputsOf() a pass. The model's own weights must
 * be current.
 * @throws TraceError if it cannot be recorded
 */
export function recordPass(flat: FlatModel, batch: PreparedBatch, precision: Precision): TracedComputation {
  const share = tf.scalar(1);
  try {
    return TracedComputation.record(nativeTracing()!.backend, {
      inputs: [...flat.variables, ...flat.otherTensors, share, ...batch.inputs],
      compute: () => passOf(flat, batch, share),
      isHalf: precision === 'bf16',
      withDraws: withSeededRandom,
    });
  } finally {
    share.dispose();
  }
}
