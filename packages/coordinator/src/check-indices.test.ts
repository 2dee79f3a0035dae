// Rows that an embedding has no vector for are refused before a worker joins.
import { parseRecipe, type DatasetManifest } from '@stillhouse/core';
import { cutTensors } from '@stillhouse/datasets';
import { expect, test } from 'vitest';
import { checkIndices } from './check-indices.js';

const source = { generator: 'noise', rows: 1 } as const;
const recipe = parseRecipe({
  data: { large: source, test: source },
  loss: 'mse',
  teacher: { model: { layers: [{ embedding: 2, inputDim: 5 }, 'flatten', { dense: 1 }] } },
});

/** Rows of two inputs in the set test, after good ones in the set large. */
function check(...inputs: number[]): Promise<void> {
  const blocks = new Map<string, Uint8Array>();
  const cut = (values: Float32Array): ReturnType<typeof cutTensors> =>
    cutTensors(
      { inputs: values, labels: new Float32Array(values.length / 2) },
      { inputShape: [2], labelCount: 1 },
      blocks,
    );
  const { columns, set: large } = cut(new Float32Array(600));
  const { set } = cut(Float32Array.from(inputs));
  const sets = { large, test: set };
  const dataset: DatasetManifest = {
    inputShape: [2],
    columns,
    classes: null,
    outputs: 1,
    labelCount: 1,
    targets: [],
    sets,
  };
  return checkIndices({ recipe, dataset }, { read: async (hash) => blocks.get(hash) });
}

test('indices are taken', () => check(0, 4, 3, 1));

test.each([
  [[0, 5], 'row 1 of test rows has 5 as input 2'],
  [[0, 1, -1, 2], 'row 2 of test rows has -1 as input 1'],
  [[0.5, 1], 'row 1 of test rows has 0.5 as input 1'],
])('%j: refused', async (inputs, text) => {
  await expect(check(...inputs)).rejects.toMatchObject({
    code: 'DATA_INDEX',
    message: `teacher.model.layers[0].embedding takes whole numbers from 0 to 4, but ${text}`,
  });
});
