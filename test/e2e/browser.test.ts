// A browser loads what a run wrote with TensorFlow.js alone, and gives the same predictions.
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { hasChromium, Pages } from './chromium.js';
import { root, Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
const pages = new Pages();
afterAll(async () => {
  await pages.close();
  scratch.clean();
});

test.skipIf(!hasChromium)(
  'teacher and student open in a browser (skipped without Chromium: install it, or set CHROMIUM to its path)',
  async () => {
    const { folder } = await scratch.train(smallRecipe());
    const row = Array.from({ length: 10 }, (_, i) => i / 10);
    const expected: number[] = [];
    for (const name of ['teacher', 'student'])
      expected.push(Number((await scratch.run(['predict', folder, '--model', name], { stdin: row.join(',') })).stdout));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'index.html'), '<script src="node_modules/@tensorflow/tfjs/dist/tf.min.js"></script>');
    const page = await pages.open(folder, 'index.html');
    const seen = await page.evaluate<number[]>(`(async () => {
      await tf.setBackend('cpu');
      const out = [];
      for (const name of ['teacher', 'student']) {
        const model = await tf.loadLayersModel('/' + name + '/model.json');
        out.push((await model.predict(tf.tensor2d([${JSON.stringify(row)}])).data())[0]);
      }
      return out;
    })()`);
    expect(seen).toEqual(expected.map((value) => expect.closeTo(value, 5)));
  },
);
