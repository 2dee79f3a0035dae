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
  /** Each row's second label, and the weight of the first, where rows are blended. */
  readonly blend?: { readonly y: tf.Tensor2D; readonly weights: tf.Tensor1D } | undefined;
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

/** Loss of each row against its label, or against both of its labels. */
function rowLoss(loss: LossName, outputs: tf.Tensor2D, { y, blend }: Pick<MicroBatch, 'y' | 'blend'>, temperature?: number): tf.Tensor1D {
  const first = hardLoss(loss, outputs, y, temperature);
  if (!blend) return first;
  const second = hardLoss(loss, outputs, blend.y, temperature);
  return tf.add(second, tf.mul(blend.weights, tf.sub(first, second)));
}

const labelsOf = ({ y, blend }: Pick<MicroBatch, 'y' | 'blend'>): tf.Tensor[] => (blend ? [y, blend.y, blend.weights] : [y]);

/** Mean loss against the labels. */
export function supervised(loss: LossName, temperature = 1): Objective {
  return ({ x, model, ...labels }) => ({ inputs: [x, ...labelsOf(labels)], loss: () => tf.mean(rowLoss(loss, outputsOf(model, x, true), labels, temperature)) });
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

/** The inputs that the teacher knows: a student's further ones come behind them. */
function teachersInputs(teacher: tf.LayersModel, x: tf.Tensor): tf.Tensor {
  const [, width] = teacher.inputs[0].shape;
  return x.rank === 2 && width! < x.shape[1]! ? tf.slice(x, [0, 0], [x.shape[0], width!]) : x;
}

/**
 * Mean over rows of (hard + P·soft)/(1 + P) with P = e^α and T = 1/β; rows mixed from the batch have the soft term only,
 * since nobody but the teacher knows their labels.
 */
export function distillation(loss: LossName, teacher: tf.LayersModel, config: DistillConfig): Objective {
  const temperature = 1 / config.beta;
  const softShare = 1 / (1 + Math.exp(-config.alpha));
  return ({ x, model, random, ...labels }) => {
    const rows = x.shape[0];
    const mixedRows = config.mixup ? Math.round(rows * config.mixup.rows) : 0;
    const inputs = mixedRows > 0 ? tf.concat([x, mixRows(x, mixedRows, config.mixup!.concentration, random)]) : x;
    const taught = outputsOf(teacher, teachersInputs(teacher, inputs), false);
    const batchLoss = (): tf.Scalar => {
      const outputs = outputsOf(model, inputs, true);
      const soft = softLoss(loss, outputs, taught, temperature);
      const hard = rowLoss(loss, tf.slice(outputs, 0, rows), labels);
      const own = tf.add(tf.mul(1 - softShare, hard), tf.mul(softShare, tf.slice(soft, 0, rows)));
      if (mixedRows === 0) return tf.mean(own);
      return tf.div(tf.add(tf.sum(own), tf.sum(tf.slice(soft, rows, mixedRows))), rows + mixedRows);
    };
    return { inputs: [inputs, ...labelsOf(labels), taught], loss: batchLoss };
  };
}
