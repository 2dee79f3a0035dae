// What a phase minimises. An objective first prepares a micro-batch (the teacher's outputs, mixtures), then gives the
// loss as a function of the model alone. Distillation is one more objective of the same loop.
import * as tf from '@tensorflow/tfjs';
import { symmetricBeta, type DistillConfig, type LossName, type RandomStream } from '@stillhouse/core';
import { hardLoss, softLoss } from './losses.js';

export interface MicroBatch {
  /** [rows, …inputShape]. */
  readonly x: tf.Tensor;
  /** [rows, labelCount]. */
  readonly y: tf.Tensor2D;
  readonly model: tf.LayersModel;
  /** For what an objective draws, such as mixtures; a function of (seed, epoch, step, rank). */
  readonly random: RandomStream;
}

export interface PreparedBatch {
  /** The tensors that `loss` reads beside the model's weights. */
  readonly inputs: readonly tf.Tensor[];
  /** Mean loss of the micro-batch, a scalar. */
  readonly loss: () => tf.Scalar;
}

/** Does first what needs no gradient. */
export type Objective = (batch: MicroBatch) => PreparedBatch;

const outputsOf = (model: tf.LayersModel, x: tf.Tensor, training: boolean): tf.Tensor2D => model.apply(x, { training }) as tf.Tensor2D;

/** Mean loss against the labels. */
export function supervised(loss: LossName, temperature = 1): Objective {
  return ({ x, y, model }) => ({ inputs: [x, y], loss: () => tf.mean(hardLoss(loss, outputsOf(model, x, true), y, temperature)) });
}

/** Mixes each row with another of the batch: w·x_i + (1 − w)·x_j, w ~ Beta(a, a) (Zhang et al. 2018). */
function mixRows(x: tf.Tensor, count: number, concentration: number, random: RandomStream): tf.Tensor {
  const rows = x.shape[0];
  const pick = (): tf.Tensor1D => tf.tensor1d(Array.from({ length: count }, () => Math.floor(random() * rows)), 'int32');
  const first = tf.gather(x, pick());
  const second = tf.gather(x, pick());
  const weights = tf.tensor(Array.from({ length: count }, () => symmetricBeta(concentration, random)), [count, ...x.shape.slice(1).map(() => 1)]);
  return tf.add(second, tf.mul(weights, tf.sub(first, second)));
}

/**
 * Mean over rows of (hard + P·soft)/(1 + P) with P = e^α and T = 1/β; rows mixed from the batch have the soft term only,
 * since nobody but the teacher knows their labels.
 */
export function distillation(loss: LossName, teacher: tf.LayersModel, config: DistillConfig): Objective {
  const temperature = 1 / config.beta;
  const softShare = 1 / (1 + Math.exp(-config.alpha));
  return ({ x, y, model, random }) => {
    const rows = x.shape[0];
    const mixedRows = config.mixup ? Math.round(rows * config.mixup.rows) : 0;
    const inputs = mixedRows > 0 ? tf.concat([x, mixRows(x, mixedRows, config.mixup!.concentration, random)]) : x;
    const taught = outputsOf(teacher, inputs, false);
    const batchLoss = (): tf.Scalar => {
      const outputs = outputsOf(model, inputs, true);
      const soft = softLoss(loss, outputs, taught, temperature);
      const hard = hardLoss(loss, tf.slice(outputs, 0, rows), y);
      const own = tf.add(tf.mul(1 - softShare, hard), tf.mul(softShare, tf.slice(soft, 0, rows)));
      if (mixedRows === 0) return tf.mean(own);
      return tf.div(tf.add(tf.sum(own), tf.sum(tf.slice(soft, rows, mixedRows))), rows + mixedRows);
    };
    return { inputs: [inputs, y, taught], loss: batchLoss };
  };
}
