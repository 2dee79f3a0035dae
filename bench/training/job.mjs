// A training job of a model of step/models.json: its recipe, and rows of bytes that are written once per folder.
import { Buffer } from 'node:buffer';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { path } from '../contestant.mjs';

const models = JSON.parse(readFileSync(path('step/models.json'), 'utf8'));
const noisyLabels = 10;

const widthOf = (input) => input.reduce((product, size) => product * size, 1);

/** A function that returns the next number of a linear congruential generator, which has 16 good bits. */
function numbers(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 16;
}

/** An array in NumPy's format 1.0. */
function npy(type, shape, data) {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const prefix = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length % 256, padded.length >> 8]);
  return Buffer.concat([prefix, Buffer.from(padded, 'latin1'), data]);
}

/** Numbers of an input: bytes if it is an image, which a run divides by 255, and otherwise small whole numbers. */
const rangeOf = (input) =>
  input.length === 2
    ? { type: '|i1', noise: 5, pattern: 2, offset: -2 }
    : { type: '|u1', noise: 224, pattern: 32, offset: 0 };

/** Rows of noise with a faint pattern of their class; one label in ten is another one, so that no loss reaches 0. */
function writeRows(files, rows, { input, outputs }) {
  const { type, noise, pattern, offset } = rangeOf(input);
  const width = widthOf(input);
  const next = numbers(rows);
  const patterns = Uint8Array.from({ length: outputs * width }, () => next() % pattern);
  const inputs = Buffer.alloc(rows * width);
  const labels = Buffer.alloc(rows);
  for (let row = 0; row < rows; row++) {
    const kind = next() % outputs;
    labels[row] = next() % 100 < noisyLabels ? next() % outputs : kind;
    for (let i = 0; i < width; i++) inputs[row * width + i] = (next() % noise) + patterns[kind * width + i] + offset;
  }
  // A vector of 784 numbers is stored as an image.
  const shape = input.length === 1 ? [Math.sqrt(width), Math.sqrt(width)] : input;
  writeFileSync(files.inputs, npy(type, [rows, ...shape], inputs));
  writeFileSync(files.labels, npy('|u1', [rows], labels));
}

/** Rows in the form of a model of step/models.json, written unless the folder has them. */
export function rowsIn(folder, rows, model) {
  const files = {
    inputs: join(folder, `${model.input.join('x')}-${rows}.npy`),
    labels: join(folder, `${model.input.join('x')}-${rows}-labels.npy`),
  };
  if (!existsSync(files.labels)) writeRows(files, rows, model);
  return { npy: files };
}

/**
 * Writes the recipe of a training of so many steps, whose epochs have at most `stepsPerEpoch` of them.
 * @param name of a model of images, sequences, or vectors whose length is a square
 * @returns its path
 */
export function writeJob(folder, { name, batch, ranks, steps, stepsPerEpoch = steps }) {
  const model = models[name];
  const inEpoch = Math.min(steps, stepsPerEpoch);
  const recipe = join(folder, `${name}-${ranks}-${batch}-${steps}.json`);
  writeFileSync(
    recipe,
    JSON.stringify({
      name,
      ranks,
      loss: model.loss,
      data: {
        large: rowsIn(folder, inEpoch * batch, model),
        test: rowsIn(folder, 128, model),
      },
      teacher: {
        model: model.module
          ? { module: path(`step/${model.module}`) }
          : { layers: [...(model.input.length === 1 ? ['flatten'] : []), ...model.layers] },
        batch,
        epochs: Math.ceil(steps / inEpoch),
        optimizer: { name: 'adam' },
      },
    }),
  );
  return recipe;
}

/** Such as MLP 784-1200-1200-10. */
export const titleOf = (name) => models[name].title.replace(/, batch \d+$/, '');
