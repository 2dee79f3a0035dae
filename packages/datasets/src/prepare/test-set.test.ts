// Rows for a trained model: what is wrong with them, and what can be done about it now that its recipe is fixed.
import { expect, test } from 'vitest';
import { parseRecipe, type ModelMetadata } from '@stillhouse/core';
import { csv, failure, folder, load, table, useFolder } from './prepare.test.fixture.js';
import { readTestSet } from './test-set.js';

useFolder();

test('money that is none is refused by an example of it, without advice on a recipe', async () => {
  const config = { target: 'y', decimal: '.' as const, units: ['$'] };
  const { manifest, preprocessing } = await load(table('a,y\n"$1,000.50",1\n$2.25,2\n', config));
  const large = csv('a,y\n$3,1\n4 apples,2\n');
  const recipe = parseRecipe({
    data: { large, test: large, table: config },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 1 }] } },
  });
  const { columns, targets } = preprocessing!;
  const metadata: ModelMetadata = { loss: 'mse', inputShape: [1], outputs: 1, classes: null, columns, targets };
  expect(manifest.inputShape).toEqual([1]);
  const places = { recipeFolder: folder, dataFolders: [folder] };
  expect(await failure(() => readTestSet(recipe, metadata, places))).toMatchObject({
    code: 'DATA_CELL',
    message: expect.stringMatching(/row 2, column a: "4 apples" is not a number such as \$1,234\.5$/),
    next: expect.not.stringContaining('data.table'),
  });
});
