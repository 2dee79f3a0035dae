// What a student minimises: the mean over rows of (hard + P·soft)/(1 + P), the soft term a weighted sum of terms.
// Rows of transfer sets have only the soft term, because only the teacher knows their labels.
import { tf } from '@stillhouse/native/tfjs';
import type { DistillConfig } from '@stillhouse/core';
import { optionsOf, termOf } from '@stillhouse/core/training';
import {
  labelsOf,
  type BatchPart,
  type MicroBatch,
  type Objective,
  type PreparedBatch,
} from '../objective/objective.js';
import { rowLoss } from '../objective/supervised.js';
import { forwardOf } from '../model/layers.js';
import { openTerm, type OpenTerm, type Pupil } from './open-term.js';

/** The weights of the parts of the loss in an epoch. */
export interface Weights {
  readonly hard: number;
  readonly terms: readonly number[];
  /** P/(1 + P) for rows with labels, whose hard term has the rest; 1 if there is no hard term. */
  readonly soft: number;
  readonly temperature: number;
}

/** Pressure and temperature of an epoch: from the first values to the final ones, α linearly and β by equal factors. */
function valuesAt(
  { alpha, beta, final }: DistillConfig,
  epoch: number,
  epochs: number,
): { alpha: number; beta: number } {
  const share = epochs > 1 ? epoch / (epochs - 1) : 1;
  return {
    alpha: alpha + share * ((final?.alpha ?? alpha) - alpha),
    beta: beta * ((final?.beta ?? beta) / beta) ** share,
  };
}

/**
 * Weights of an epoch, counted from 0. Terms with firstEpochs (FitNets' first stage) have these epochs for themselves.
 */
export function weightsAt(config: DistillConfig, epoch: number, epochs: number): Weights {
  const { terms } = config;
  const { alpha, beta } = valuesAt(config, epoch, epochs);
  const pressure = 1 / (1 + Math.exp(-alpha));
  const firstEpochs = terms.map((term) => termOf(term).firstEpochs?.(optionsOf(term)) ?? 0);
  const isFirst = epoch < Math.max(0, ...firstEpochs);
  const weights = terms.map((term, i) => {
    const own = firstEpochs[i];
    if (isFirst || own > 0) return epoch < own ? term.weight : 0;
    return term.weight * Math.min(1, (epoch + 1) / Math.max(1, term.warmupEpochs));
  });
  return { hard: isFirst ? 0 : 1 - pressure, soft: isFirst ? 1 : pressure, terms: weights, temperature: 1 / beta };
}

/**
 * Rows that learn only from the teacher: those without a label, and those whose label is an outlier for the teacher
 * (Takamoto et al. 2020, section 3.2).
 */
async function unlabelled({ rejectBeyond }: DistillConfig, taught: tf.Tensor, y: tf.Tensor2D): Promise<boolean[]> {
  const [rows, labelled] = [taught.shape[0], y.shape[0]];
  if (rejectBeyond === undefined) return Array.from({ length: rows }, (_, row) => row >= labelled);
  const furthest = tf.tidy(() => tf.max(tf.abs(tf.sub(tf.slice(taught, [0, 0], y.shape), y)), 1));
  const distances = await furthest.data();
  furthest.dispose();
  return Array.from({ length: rows }, (_, row) => row >= labelled || distances[row] > rejectBeyond);
}

/** The teacher's outputs for all rows of a batch; it computes only those that are not known yet. */
async function answersTo(
  x: tf.Tensor,
  parts: readonly BatchPart[],
  respond: (x: tf.Tensor) => Promise<tf.Tensor[]>,
): Promise<tf.Tensor[]> {
  if (!parts.some(({ answers }) => answers)) return respond(x);
  const responses: (readonly tf.Tensor[])[] = [];
  let first = 0;
  for (const { rows, answers } of parts) {
    const own = answers ? undefined : tf.slice(x, first, rows);
    responses.push(answers ?? (await respond(own!)));
    own?.dispose();
    first += rows;
  }
  const joined = tf.tidy(() => responses[0].map((_, i) => tf.concat(responses.map((each) => each[i]))));
  tf.dispose(responses.flat());
  return joined;
}

/** @throws StillhouseError MODEL_LAYER */
export function distillation(config: DistillConfig, pupil: Pupil): Objective {
  const { loss, student, teacher } = pupil;
  const terms = config.terms.map((term, i) => openTerm(term, i, pupil));
  const forward = forwardOf(
    student,
    terms.flatMap(({ layers }) => layers?.student.name ?? []),
  );
  const teacherLayers = [...new Set(terms.flatMap(({ layers }) => layers?.teacher.name ?? []))];
  const weights = terms.flatMap(({ learned }) => learned?.trainableWeights ?? []);
  const respond = (x: tf.Tensor): Promise<tf.Tensor[]> => teacher.respond(x, teacherLayers);

  const prepare = async ({ x, y, blend, epoch, parts = [] }: MicroBatch): Promise<PreparedBatch> => {
    const [rows, labelled] = [x.shape[0], y.shape[0]];
    const [taught, ...taughtFeatures] = await answersTo(x, parts, respond);
    const now = weightsAt(config, epoch, pupil.epochs);
    // Passed as inputs, so that a recorded step is valid in every epoch.
    const teacherOnly = await unlabelled(config, taught, y);
    const shares = tf.tensor1d(teacherOnly.map((isTeacherOnly) => (isTeacherOnly ? 1 : now.soft)));
    const hardShares = tf.tensor1d(
      teacherOnly.slice(0, labelled).map((isTeacherOnly) => (isTeacherOnly ? 0 : now.hard)),
    );
    const [temperature, ...termWeights] = [now.temperature, ...now.terms].map((value) => tf.scalar(value));

    const weighted = (
      { config, term, layers, learned }: OpenTerm,
      i: number,
      { outputs, features }: ReturnType<typeof forward>,
    ): tf.Tensor => {
      const value = term.loss({
        tf,
        loss,
        options: optionsOf(config),
        shapes: layers && { student: layers.student.shape, teacher: layers.teacher.shape },
        learned,
        student: { outputs, feature: layers && features.get(layers.student.name) },
        teacher: {
          outputs: taught as tf.Tensor2D,
          feature: layers && taughtFeatures[teacherLayers.indexOf(layers.teacher.name)],
        },
        labels: y,
        temperature,
      }) as tf.Tensor;
      return tf.mul(termWeights[i], value.rank === 0 ? tf.mul(tf.mean(shares), value) : tf.mean(tf.mul(shares, value)));
    };
    const batchLoss = (): tf.Scalar => {
      const response = forward(x, true);
      const own = rows === labelled ? response.outputs : tf.slice(response.outputs, 0, labelled);
      const hard = tf.div(tf.sum(tf.mul(hardShares, rowLoss(loss, own, { y, blend }))), rows);
      return tf.addN([hard, ...terms.map((term, i) => weighted(term, i, response))]) as tf.Scalar;
    };
    return {
      inputs: [
        x,
        ...labelsOf({ y, blend }),
        taught,
        ...taughtFeatures,
        shares,
        hardShares,
        temperature,
        ...termWeights,
      ],
      loss: batchLoss,
    };
  };
  return { weights, respond, prepare };
}
