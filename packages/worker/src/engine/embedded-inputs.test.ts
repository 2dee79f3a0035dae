// A model of a module that embeds its inputs: a number that its embedding has no vector for ends the step by name,
// before an engine reads some other vector.
import { expect, test } from 'vitest';
import { engineGradient, evaluate, setUp, type Case, type Setup } from './engine.test.fixture.js';

const embedding = (inputDim: number, between = ''): string => `export default ({ tf, inputShape, outputs }) => {
  const input = tf.input({ shape: inputShape });
  let x = input;
  ${between}
  const vectors = tf.layers.embedding({ inputDim: ${inputDim}, outputDim: 3 }).apply(x);
  const flat = tf.layers.flatten().apply(vectors);
  return tf.model({ inputs: input, outputs: tf.layers.dense({ units: outputs }).apply(flat) });
}`;
const given: Omit<Case, 'asset'> = { layers: [], inputShape: [5], indices: 7, ranks: 1 };

async function built(of: Case): Promise<Setup> {
  const setup = await setUp(of);
  await setup.engine.build(setup.phase, undefined);
  return setup;
}

test('indices that the embedding has are trained and evaluated', async () => {
  const setup = await built({ ...given, asset: embedding(7) });
  expect((await engineGradient(setup)).length).toBeGreaterThan(0);
  await evaluate(setup);
});

test.each([
  ['directly', ''],
  ['in another shape', 'x = tf.layers.reshape({ targetShape: [5, 1] }).apply(x); x = tf.layers.flatten().apply(x);'],
])('an index beyond: %s', async (_, between) => {
  const setup = await built({ ...given, asset: embedding(5, between) });
  const message =
    /^the embedding of teacher\.model takes whole numbers from 0 to 4, but row \d+ of .* has [56] as input [1-5]$/;
  const shape = {
    code: 'DATA_INDEX',
    message: expect.stringMatching(message),
  };
  await expect(engineGradient(setup)).rejects.toMatchObject(shape);
  await expect(evaluate(setup)).rejects.toMatchObject(shape);
});

test('a fraction is no index', async () => {
  const setup = await built({ layers: [], inputShape: [5], ranks: 1, asset: embedding(5) });
  await expect(engineGradient(setup)).rejects.toMatchObject({ code: 'DATA_INDEX' });
});
