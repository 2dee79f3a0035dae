// Modules of a recipe, opened from the text that it has of them.
import { expect, test } from 'vitest';
import { readingOf } from '../loss/losses.js';
import { openModules } from './open-modules.js';
import { parseRecipe } from './parse.js';

const recipeOf = (loss: object) =>
  parseRecipe({
    data: { large: { generator: 'friedman1', rows: 9 }, split: { test: 0.5 } },
    loss,
    teacher: { model: { layers: [{ dense: 1 }] } },
  });

test('a module without its text is not taken for an empty one', async () => {
  await expect(openModules(recipeOf({ module: 'loss.mjs' }))).rejects.toThrow('the text of a module is in the recipe');
});

test.each([
  ['numbers', 2, { loss: 'mse', outputsPerTarget: 2 }],
  ['numbers', 1, { loss: 'mse' }],
  ['binary', 1, { loss: 'binaryCrossEntropy' }],
  ['class', 1, { loss: 'softmaxCrossEntropy' }],
])('outputs for labels that are %s, %i per target, are read as %o', async (labels, outputsPerTarget, reading) => {
  const source = `const none = () => 0;
    export default () => ({ name: 'mine', labels: '${labels}', outputsPerTarget: ${outputsPerTarget},
      row: none, hard: none, soft: none });`;
  const recipe = recipeOf({ module: 'loss.mjs', source });
  await openModules(recipe);
  expect(readingOf(recipe.loss)).toEqual(reading);
});
