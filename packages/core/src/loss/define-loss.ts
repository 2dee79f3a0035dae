// What a loss is: facts about labels and outputs, its value per row in doubles, and the same in tensors for training.
// The engine is an argument, so code that needs only the facts needs no engine.
import { wholeOf } from '../extension/whole.js';
import type { Tensor, Tensor2D, TensorOps } from './tensor-ops.js';

/**
 * The kind of a row's label. class: one index of classes that exclude each other; outputs are their logits. binary: a 0
 * or 1 per output; outputs are logits. numbers: a number per target.
 */
export type LabelKind = 'class' | 'binary' | 'numbers';

/** The labels that a loss takes: in words, and as a test of one number of a label. */
export interface TakenLabels {
  /** What follows `takes`, such as `counts: whole numbers from 0`. */
  readonly text: string;
  /** Gets a number as the loss gets it: a class index, or a target after its scaling. */
  readonly fits: (label: number) => boolean;
}

/** The facts about a loss that need no call: plain data, which a job carries. */
export interface LossFacts {
  readonly name: string;
  readonly labels: LabelKind;
  /** A model's outputs per target; those that predict the targets come first. */
  readonly outputsPerTarget: number;
  /** Whether the temperature changes the soft term beyond its scale. */
  readonly hasTemperature: boolean;
  /** A model's outputs in words, if they are not one per class or target. */
  readonly outputsText?: string;
}

export interface LossRow {
  /** Outputs of the row. */
  readonly outputs: Float32Array;
  /** Labels of the row: its class index, or a number per target. */
  readonly labels: Float32Array;
}

export interface HardLoss {
  readonly tf: TensorOps;
  /** [rows, outputs]; logits for classes. */
  readonly outputs: Tensor2D;
  /** Class indices [rows, 1], or [rows, targets]. */
  readonly labels: Tensor2D;
  /** Divides the logits of classes. */
  readonly temperature: number;
}

export interface SoftLoss {
  readonly tf: TensorOps;
  /** [rows, outputs]; a student may know classes after the teacher's. */
  readonly student: Tensor2D;
  /** [rows, outputs]. */
  readonly teacher: Tensor2D;
  readonly temperature: Tensor;
}

export interface Loss extends LossFacts {
  /** The labels that it takes, if not all of its kind; others are refused before a worker joins. */
  readonly takes?: TakenLabels;
  /** Loss of one row, mean over its targets, in doubles. */
  row(row: LossRow): number;
  /** Loss of each row against its label: [rows]. */
  hard(batch: HardLoss): Tensor;
  /** The soft term of each row, on the scale of the hard loss: [rows]. */
  soft(batch: SoftLoss): Tensor;
  /** Several teachers as one: combines their outputs [rows, outputs]. */
  ensemble(tf: TensorOps, outputs: readonly Tensor[]): Tensor;
}

/** A loss as it is defined; what is left out follows from the kind of labels. */
export type LossDefinition = Pick<Loss, 'name' | 'labels' | 'row' | 'hard' | 'soft'> & Partial<Loss>;

const labelKinds: readonly unknown[] = ['class', 'binary', 'numbers'] satisfies LabelKind[];

/** The mean of outputs, which for logits is the geometric mean of their distributions. */
const meanOf = (tf: TensorOps, outputs: readonly Tensor[]): Tensor => tf.div(tf.addN([...outputs]), outputs.length);

/**
 * Checks a loss, and fills in what follows from its kind of labels.
 * @throws TypeError that names what is missing or wrong
 */
export function defineLoss(given: LossDefinition): Loss {
  const definition = wholeOf(given);
  const { name, labels, outputsPerTarget = 1, hasTemperature = true, outputsText = '', takes } = definition;
  if (typeof name !== 'string' || name === '') throw new TypeError('a loss needs a name');
  if (!labelKinds.includes(labels)) throw new TypeError(`labels is ${String(labels)}, not class, binary or numbers`);
  for (const method of ['row', 'hard', 'soft'] as const)
    if (typeof definition[method] !== 'function') throw new TypeError(`${method} is not a function`);
  if (!Number.isInteger(outputsPerTarget) || outputsPerTarget < 1)
    throw new TypeError(`outputsPerTarget is ${String(outputsPerTarget)}, not a whole number of at least 1`);
  if (labels !== 'numbers' && outputsPerTarget !== 1)
    throw new TypeError('outputsPerTarget is for labels that are numbers');
  if (typeof hasTemperature !== 'boolean')
    throw new TypeError(`hasTemperature is ${String(hasTemperature)}, neither true nor false`);
  if (typeof outputsText !== 'string') throw new TypeError(`outputsText is ${String(outputsText)}, not a text`);
  if (takes !== undefined && (typeof takes.text !== 'string' || typeof takes.fits !== 'function'))
    throw new TypeError('takes needs a text, and fits, a function');
  return { outputsPerTarget, hasTemperature: true, ensemble: meanOf, ...definition };
}

/** The number of a model's outputs for a number of targets. */
export const outputsFor = ({ outputsPerTarget }: LossFacts, targets: number): number => outputsPerTarget * targets;

/** The number of targets for a number of outputs: the inverse of `outputsFor`. */
export const targetCount = ({ outputsPerTarget }: LossFacts, outputs: number): number => outputs / outputsPerTarget;

/** Mean over a row's targets of a loss per target. */
export function meanOverTargets(
  { outputs, labels }: LossRow,
  lossOf: (output: number, label: number, k: number) => number,
): number {
  let sum = 0;
  for (let k = 0; k < labels.length; k++) sum += lossOf(outputs[k]!, labels[k]!, k);
  return sum / labels.length;
}
