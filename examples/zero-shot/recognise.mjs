// How often a run's models recognise digits that they never learned, by the words that describe them.
//   node examples/zero-shot/recognise.mjs RUN
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { read, seen, unseen, vectors } from './descriptions.mjs';

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

function load(name) {
  const { weightsManifest, ...model } = JSON.parse(readFileSync(join(run, name, 'model.json'), 'utf8'));
  return tf.loadLayersModel(
    tf.io.fromMemory({
      ...model,
      weightSpecs: weightsManifest.flatMap((group) => group.weights),
      weightData: new Uint8Array(readFileSync(join(run, name, 'weights.bin'))).buffer,
    }),
  );
}

/** How well each row's words fit each digit: the cosine between them, [rows, 10]. */
function fitsOf(model) {
  return tf.tidy(() => {
    const words = model.predict(tf.tensor2d(rows.map(({ x }) => x)), { batchSize: 256 });
    return tf.div(tf.matMul(words, tf.transpose(tf.tensor2d(vectors))), tf.norm(words, 2, 1, true)).arraySync();
  });
}

const best = (fits, digits) => digits.reduce((first, digit) => (fits[digit] > fits[first] ? digit : first));

/**
 * A model takes nearly all for digits that it has learnt, so these get a handicap (Chao et al. 2016): the one with
 * which a fifth of all rows, as many as there are unseen ones among ten digits, is taken for those that it has not. No
 * label is used.
 */
function handicapOf(all) {
  const leads = all.map((fits) => fits[best(fits, seen)] - fits[best(fits, unseen)]).sort((a, b) => a - b);
  return leads[Math.floor((leads.length * unseen.length) / 10)];
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
console.log(
  ['', 'seen among seen', 'unseen among unseen', 'seen among all', 'unseen among all']
    .map((text, i) => (i === 0 ? text.padEnd(8) : text.padStart(21)))
    .join(''),
);
for (const name of ['teacher', 'student', 'baseline']) {
  const all = fitsOf(await load(name));
  const handicap = handicapOf(all);
  const guess = (fits) =>
    fits[best(fits, seen)] - handicap > fits[best(fits, unseen)] ? best(fits, seen) : best(fits, unseen);
  const hits = (digits, choose) => {
    const wanted = rows.flatMap(({ digit }, i) => (digits.includes(digit) ? [i] : []));
    return percent(wanted.filter((i) => choose(all[i]) === rows[i].digit).length / wanted.length).padStart(21);
  };
  const shares = [
    hits(seen, (fits) => best(fits, seen)),
    hits(unseen, (fits) => best(fits, unseen)),
    hits(seen, guess),
    hits(unseen, guess),
  ];
  console.log(name.padEnd(8) + shares.join(''));
}
