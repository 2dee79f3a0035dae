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
import { forwardOf, type Forward } from '../model/layers.js';
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

/** A micro-batch with the teacher's part in it. What changes with the epoch is a tensor, as recorded steps need. */
interface TaughtBatch extends Pick<MicroBatch, 'x' | 'y' | 'blend'> {
  /** The teacher's outputs, and the features of its layers that terms compare. */
  readonly taught: tf.Tensor2D;
  readonly features: readonly tf.Tensor[];
  /** The weight of the soft term per row, and of the hard one per labelled row. */
  readonly shares: tf.Tensor1D;
  readonly hardShares: tf.Tensor1D;
  readonly temperature: tf.Tensor;
  readonly termWeights: readonly tf.Tensor[];
}

class Distillation implements Objective {
  readonly weights: Objective['weights'];
  readonly #terms: readonly OpenTerm[];
  readonly #forward: Forward;
  readonly #teacherLayers: readonly string[];

  constructor(
    private readonly config: DistillConfig,
    private readonly pupil: Pupil,
  ) {
    this.#terms = config.terms.map((term, i) => openTerm(term, i, pupil));
    this.#forward = forwardOf(
      pupil.student,
      this.#terms.flatMap(({ layers }) => layers?.student.name ?? []),
    );
    this.#teacherLayers = [...new Set(this.#terms.flatMap(({ layers }) => layers?.teacher.name ?? []))];
    this.weights = this.#terms.flatMap(({ learned }) => learned?.trainableWeights ?? []);
  }

  readonly respond = (x: tf.Tensor): Promise<tf.Tensor[]> => this.pupil.teacher.respond(x, this.#teacherLayers);

  async prepare(batch: MicroBatch): Promise<PreparedBatch> {
    const taught = await this.#taught(batch);
    const { x, features, shares, hardShares, temperature, termWeights } = taught;
    return {
      inputs: [x, ...labelsOf(taught), taught.taught, ...features, shares, hardShares, temperature, ...termWeights],
      loss: () => this.#loss(taught),
    };
  }

  async #taught({ x, y, blend, epoch, parts = [] }: MicroBatch): Promise<TaughtBatch> {
    const labelled = y.shape[0];
    const [taught, ...features] = await answersTo(x, parts, this.respond);
    const now = weightsAt(this.config, epoch, this.pupil.epochs);
    const teacherOnly = await unlabelled(this.config, taught, y);
    const shares = tf.tensor1d(teacherOnly.map((isTeacherOnly) => (isTeacherOnly ? 1 : now.soft)));
    const hardShares = tf.tensor1d(
      teacherOnly.slice(0, labelled).map((isTeacherOnly) => (isTeacherOnly ? 0 : now.hard)),
    );
    const [temperature, ...termWeights] = [now.temperature, ...now.terms].map((value) => tf.scalar(value));
    return { x, y, blend, taught: taught as tf.Tensor2D, features, shares, hardShares, temperature, termWeights };
  }

  #loss(batch: TaughtBatch): tf.Scalar {
    const { x, y, blend, hardShares } = batch;
    const [rows, labelled] = [x.shape[0], y.shape[0]];
    const response = this.#forward(x, true);
    const own = rows === labelled ? response.outputs : tf.slice(response.outputs, 0, labelled);
    const hard = tf.div(tf.sum(tf.mul(hardShares, rowLoss(this.pupil.loss, own, { y, blend }))), rows);
    return tf.addN([hard, ...this.#terms.map((_, i) => this.#termLoss(i, batch, response))]) as tf.Scalar;
  }

  /** A term's loss, times its weight. */
  #termLoss(
    index: number,
    { taught, features, y, shares, temperature, termWeights }: TaughtBatch,
    response: ReturnType<Forward>,
  ): tf.Tensor {
    const { config, term, layers, learned } = this.#terms[index];
    const value = term.loss({
      tf,
      loss: this.pupil.loss,
      options: optionsOf(config),
      shapes: layers && { student: layers.student.shape, teacher: layers.teacher.shape },
      learned,
      student: { outputs: response.outputs, feature: layers && response.features.get(layers.student.name) },
      teacher: {
        outputs: taught,
        feature: layers && features[this.#teacherLayers.indexOf(layers.teacher.name)],
      },
      labels: y,
      temperature,
    }) as tf.Tensor;
    const mean = value.rank === 0 ? tf.mul(tf.mean(shares), value) : tf.mean(tf.mul(shares, value));
    return tf.mul(termWeights[index], mean);
  }
}

/** @throws StillhouseError MODEL_LAYER */
export const distillation = (config: DistillConfig, pupil: Pupil): Objective => new Distillation(config, pupil);
