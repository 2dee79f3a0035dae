// Inputs that a model embeds: they must be whole numbers that the embedding has a vector for. An engine would cut a
// fraction, and read some other vector, or memory that is none, for a number beyond.
import type { tf } from '@stillhouse/native/tfjs';
import { StillhouseError, wrongIndex } from '@stillhouse/core';

/** Layers that pass all of their inputs on unchanged. */
const shaping = new Set(['Flatten', 'Reshape', 'Permute', 'RepeatVector']);

/** Whether a layer gets the inputs of the model, in whatever arrangement. */
function readsInputs({ input }: tf.layers.Layer): boolean {
  if (Array.isArray(input)) return false;
  const { sourceLayer } = input;
  const kind = sourceLayer.getClassName();
  return kind === 'InputLayer' || (shaping.has(kind) && readsInputs(sourceLayer));
}

/** Inputs of the model are whole numbers below this; undefined if it embeds none. */
export function indexCountOf(model: tf.LayersModel): number | undefined {
  const counts = model.layers
    .filter((layer) => layer.getClassName() === 'Embedding' && readsInputs(layer))
    .map((layer) => layer.getConfig()['inputDim'] as number);
  return counts.length > 0 ? Math.min(...counts) : undefined;
}

/**
 * @param x inputs of some rows
 * @param rows.count number of the rows
 * @param rows.name names one of them, counted from 0
 * @throws StillhouseError DATA_INDEX
 */
export function refuseWrongIndices(
  x: Float32Array,
  { part, indexCount }: { readonly part: string; readonly indexCount: number | undefined },
  rows: { readonly count: number; readonly name: (row: number) => string },
): void {
  const wrong = indexCount === undefined ? undefined : wrongIndex(x, x.length / rows.count, indexCount);
  if (wrong)
    throw new StillhouseError(
      'DATA_INDEX',
      `the embedding of ${part}.model takes whole numbers from 0 to ${indexCount! - 1}, but ${rows.name(wrong.row)} ` +
        `has ${wrong.value} as input ${wrong.input + 1}`,
    );
}
