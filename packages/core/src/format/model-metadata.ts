// What is stored with a model (userDefinedMetadata.stillhouse of model.json) so that others can feed it and read its
// outputs.
import type { TargetScale } from '../loss/target-scale.js';
import type { LossName } from '../loss/losses.js';
import type { FittedColumn } from './columns.js';

/**
 * Which rows of the large set were held out of training. A student's run that has the same rows holds out the same
 * ones, so its teacher has not seen its test set.
 */
export interface HeldOut {
  /** Hash of the large set's files, or of its source if it has none. */
  readonly rows: string;
  readonly seed: number;
  /** Share that was held out for the test. */
  readonly test: number;
  /** Column whose hash decided; by default rows were held out one by one. */
  readonly by?: string | undefined;
}

export interface ModelMetadata {
  readonly loss: LossName;
  /** Outputs per target of a loss that is a module, if not one; those that predict the targets come first. */
  readonly outputsPerTarget?: number | undefined;
  /** Shape of one row. */
  readonly inputShape: readonly number[];
  /** How a row becomes an input: `encodeTableRows`, or `encodeTensorRows` for a single column of tensors. */
  readonly columns: readonly FittedColumn[];
  /** If the model embeds its inputs: they are whole numbers from 0 to indexCount − 1. */
  readonly indexCount?: number | undefined;
  /** Numbers that the model outputs per row; `predictionOf` reads them. */
  readonly outputs: number;
  /** How regression targets were transformed and scaled, which predictions undo; empty if they were not. */
  readonly targets: readonly (TargetScale & { readonly name?: string | undefined })[];
  /**
   * Names of the classes in the order of the outputs; null if the data have no names and classes are numbers from 0.
   */
  readonly classes: readonly string[] | null;
  readonly heldOut?: HeldOut | undefined;
}
