// A student that saw few or no rows of a class gives it too little probability; its teacher knows how common classes
// are (Hinton, Vinyals and Dean 2015, section 3, where the biases were chosen by the test errors instead).
import { tf } from '@stillhouse/native/tfjs';
import { limits, StillhouseError, type DatasetManifest, type SetManifest } from '@stillhouse/core';
import { fitBiases } from '@stillhouse/core/training';
import { BlockReader } from '@stillhouse/datasets';
import type { FetchBlock } from '../../block/fetch-block.js';
import { joinFloats } from '../../flat/memory.js';
import type { FlatModel } from '../../flat/model.js';
import { predictRows } from '../../model/predict.js';

/**
 * Index of the last layer's biases among the model's trainable weights.
 * @throws StillhouseError MODEL_LAYER
 */
export function biasesOf(model: tf.LayersModel): number {
  const layer = model.layers.at(-1)!;
  const { activation, useBias } = layer.getConfig();
  const place = model.trainableWeights.indexOf(layer.trainableWeights.at(-1)!);
  if (layer.getClassName() === 'Dense' && activation === 'linear' && useBias === true && place >= 0) return place;
  throw new StillhouseError(
    'MODEL_LAYER',
    `distill.correctBiases shifts the biases of the student's last layer, but ${layer.name} is not a linear ` +
      'dense layer whose biases are trained',
    { next: 'End the model in a dense layer without activation, or leave out correctBiases.' },
  );
}

/** A sample of a set's rows: all of them, or a number at even distances from a number of blocks. */
function sampleOf({ rowCount, blockRows }: SetManifest): number[] {
  const blocks = Math.ceil(rowCount / blockRows);
  const used = Math.min(blocks, limits.biasBlocks);
  const perBlock = Math.min(blockRows, Math.ceil(limits.biasRows / used));
  return Array.from({ length: used }, (_, i) => Math.floor((i * blocks) / used)).flatMap((block) => {
    const first = block * blockRows;
    const count = Math.min(blockRows, rowCount - first);
    const taken = Math.min(count, perBlock);
    return Array.from({ length: taken }, (_, i) => first + Math.floor((i * count) / taken));
  });
}

export interface Correction {
  readonly flat: FlatModel;
  /** The data set as the student sees it. */
  readonly dataset: DatasetManifest;
  /** Rows on which the student's mean probability of each class must become its teacher's. */
  readonly set: SetManifest;
  readonly fetchBlock: FetchBlock;
  readonly respond: (x: tf.Tensor) => Promise<tf.Tensor[]>;
}

/**
 * Shifts the biases of the classes that the teacher knows until the mean of the student's probabilities is the
 * teacher's.
 */
export async function correctBiases({ flat, dataset, set, fetchBlock, respond }: Correction): Promise<void> {
  const reader = new BlockReader(dataset, fetchBlock, limits.keptBlockBytes);
  const rows = sampleOf(set);
  const outputs: Float32Array[] = [];
  const taught: Float32Array[] = [];
  flat.load();
  for (let first = 0; first < rows.length; first += limits.evaluationBatchRows) {
    const some = rows.slice(first, first + limits.evaluationBatchRows);
    const { x } = await reader.read(set, some);
    const shape = [some.length, ...dataset.inputShape];
    outputs.push(await predictRows(flat.model, x, shape));
    const input = tf.tensor(x, shape);
    const response = await respond(input);
    const probabilities = tf.tidy(() => tf.softmax(response[0]));
    taught.push((await probabilities.data()) as Float32Array);
    tf.dispose([input, probabilities, ...response]);
  }
  const known = taught[0].length / Math.min(rows.length, limits.evaluationBatchRows);
  const shares = new Float64Array(known);
  for (const batch of taught) batch.forEach((value, i) => (shares[i % known] += value / rows.length));
  const logits = joinFloats(outputs).filter((_, i) => i % dataset.outputs < known);
  const biases = flat.views()[biasesOf(flat.model)];
  fitBiases(logits, shares).forEach((value, k) => (biases[k] += value));
  await flat.changed();
}
