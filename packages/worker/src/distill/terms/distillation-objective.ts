// One way in which a student learns from its teacher: a term of the soft loss. docs/distillation.md has every formula
// with its source; terms are combined in distillation.ts.
import type * as tf from '@tensorflow/tfjs';
import type { Weight } from '../../flat/model.js';

/** What one model makes of a batch. */
export interface Response {
  /** [rows, outputs]; logits for classification. */
  readonly outputs: tf.Tensor2D;
  /** What the layer that the term names gives out, [rows, …]; only of terms that compare layers. */
  readonly feature: tf.Tensor | undefined;
}

export interface Signal {
  readonly student: Response;
  readonly teacher: Response;
  /** [labelled rows, labelCount]: labels of the first rows; the others have none. */
  readonly labels: tf.Tensor2D;
  /** T. */
  readonly temperature: tf.Scalar;
}

export interface DistillationObjective {
  /** Weights that are trained beside the student's, and end with training. */
  readonly weights?: readonly Weight[];
  /** The loss of each row, [rows]; or of the batch as a whole, for terms that relate rows to each other. */
  loss(signal: Signal): tf.Tensor1D | tf.Scalar;
}
