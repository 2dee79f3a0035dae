// What is stored beside a model (userDefinedMetadata.stillhouse of model.json) so that others can feed it and read its outputs.
import type { TargetScale } from '../loss/prediction.js';
import type { LossName } from '../loss/losses.js';
import type { FittedColumn } from './columns.js';

export interface ModelMetadata {
  readonly loss: LossName;
  /** Shape of one row. */
  readonly inputShape: readonly number[];
  /** How a row becomes an input: `encodeTableRows`, or `encodeTensorRows` for a single column of tensors. */
  readonly columns: readonly FittedColumn[];
  /** Numbers that the model gives out per row; `predictionOf` reads them. */
  readonly outputs: number;
  /** A prediction of regression is output · deviation + mean; empty where the targets were not scaled. */
  readonly targets: readonly (TargetScale & { readonly name?: string })[];
  /** Names of the classes in the order of the outputs; null where the data has no names, and classes are numbers from 0. */
  readonly classes: readonly string[] | null;
}
