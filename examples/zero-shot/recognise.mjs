// How often a run's models recognise digits that they never saw, by the words that describe them.
//   node examples/zero-shot/recognise.mjs RUN
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { descriptions, read, seen, unseen, vectorOf } from './descriptions.mjs';

const [run] = process.argv.slice(2);
if (!run) {
  console.error('usage: node examples/zero-shot/recognise.mjs RUN');
  process.exit(2);
}
tf.env().set('PROD', true);
await tf.setBackend('wasm');
const folders = [process.env.STILLHOUSE_DATA, 'data'].filter(Boolean);
const find = (path) => folders.map((folder) => `${join(folder, path.slice(5))}.gz`).find((file) => existsSync(file));
const rows = [...read(find, 't10k')];
const vectors = tf.transpose(tf.tensor2d(descriptions.map((_, digit) => vectorOf(digit))));

async function wordsModel(name) {
  const { weightsManifest, ...model } = JSON.parse(readFileSync(join(run, name, 'model.json'), 'utf8'));
  const whole = await tf.loadLayersModel(tf.io.fromMemory({ ...model, weightSpecs: weightsManifest.flatMap((group) => group.weights), weightData: new Uint8Array(readFileSync(join(run, name, 'weights.bin'))).buffer }));
  return tf.model({ inputs: whole.inputs, outputs: whole.getLayer('words').output });
}

/** Share of the rows whose digit fits best of the candidates. */
function hits(fits, candidates, isWanted) {
  const wanted = rows.flatMap(({ digit }, i) => (isWanted(digit) ? [i] : []));
  return wanted.filter((i) => candidates.reduce((best, digit) => (fits[i][digit] > fits[i][best] ? digit : best)) === rows[i].digit).length / wanted.length;
}

const percent = (share) => `${(100 * share).toFixed(1).padStart(5)} %`;
console.log('          seen among seen   unseen among unseen   unseen among all');
for (const name of ['teacher', 'student', 'alone']) {
  const model = await wordsModel(name);
  const fits = tf.tidy(() => tf.matMul(model.predict(tf.tensor2d(rows.map(({ x }) => x)), { batchSize: 256 }), vectors)).arraySync();
  const all = [...seen, ...unseen];
  console.log(`${name.padEnd(8)}  ${percent(hits(fits, seen, (digit) => seen.includes(digit)))}           ${percent(hits(fits, unseen, (digit) => unseen.includes(digit)))}               ${percent(hits(fits, all, (digit) => unseen.includes(digit)))}`);
}
