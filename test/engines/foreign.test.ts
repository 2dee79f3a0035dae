// Teachers of other frameworks, saved by these: the numbers that Python says, and students that learn from them.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRecipe, type RecipeInput } from '@stillhouse/core';
import type { LossName } from '@stillhouse/core/training';
import { assembleJob } from '@stillhouse/coordinator';
import { openInferenceBackend, openPretrained } from '@stillhouse/worker';
import { root, Scratch, smallRecipe } from '../e2e/cli.js';

const python = join(root, 'node_modules/.cache/python');
const cache = join(root, 'node_modules/.cache/stillhouse-native');
const hasPython = existsSync(python);
const engines = ['tensorflow', 'onnx'].map((kind) => existsSync(join(cache, kind)));
const canRun = hasPython && engines.every(Boolean);
const skipped = 'skipped without Keras and engines: npm run setup:engines';

interface Answers {
  readonly rows: Record<string, { shape: number[]; values: number[] }>;
  readonly answers: Record<string, { rows: string; outputs: number[][] }>;
}

const scratch = new Scratch();
let said: Answers;
beforeAll(async () => {
  if (!canRun) return;
  const { status, stderr } = spawnSync('python3', [join(root, 'test/engines/teachers.py'), scratch.folder], {
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: python },
  });
  expect(status, stderr).toBe(0);
  said = JSON.parse(readFileSync(scratch.path('answers.json'), 'utf8')) as Answers;
  for (const ending of ['h5', 'keras'])
    scratch.write(`cut.${ending}`, readFileSync(scratch.path(`table.${ending}`)).subarray(0, 3000));
  scratch.write('cut.onnx', 'not protobuf');
  process.env['STILLHOUSE_CACHE'] = cache;
  await openInferenceBackend('tensorflow');
}, 300_000);
afterAll(() => scratch.clean());

/** Outputs of the teacher in a file, flat, for rows that Python made. */
async function outputsOf(
  file: string,
  kind: string,
  width: number,
  { loss = 'mse', outputs = 'auto' }: { loss?: LossName; outputs?: 'auto' | 'logits' | 'probabilities' } = {},
): Promise<Float32Array> {
  const { shape, values } = said.rows[kind];
  const { job, dataset } = await assembleJob(
    parseRecipe({ ...smallRecipe(), teacher: { pretrained: file } }),
    'foreign',
    { recipeFolder: scratch.folder, dataFolders: [] },
    { folder: scratch.path('prepared') },
  );
  const asked = {
    ...job,
    recipe: { ...job.recipe, loss },
    dataset: { ...job.dataset, inputShape: shape.slice(1), outputs: width },
  };
  const { predict, dispose } = await openPretrained(
    asked,
    { pretrained: file, outputs, validation: 0 },
    async (hash) => (await dataset.blocks.read(hash))!,
  );
  const answer = await predict(Float32Array.from(values), shape);
  dispose();
  return answer;
}

function expectClose(given: Float32Array, expected: readonly number[]): void {
  expect(given.length).toBe(expected.length);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - given[i])))).toBeLessThan(2e-5);
}

describe.skipIf(!canRun)(`what they say is what Python says (${skipped})`, () => {
  test.each(['table', 'branches', 'recurrent', 'nested'].flatMap((name) => [`${name}.h5`, `${name}.keras`, name]))(
    'Keras: %s',
    async (file) => {
      const { rows, outputs } = said.answers[file.split('.')[0]];
      expectClose(await outputsOf(file, rows, outputs[0].length), outputs.flat());
    },
  );

  test.each(['mlp', 'channels'])('ONNX: %s', async (name) => {
    const { rows, outputs } = said.answers[name];
    expectClose(await outputsOf(`${name}.onnx`, rows, outputs[0].length), outputs.flat());
  });

  test.each(['nested.keras', 'nested', 'recurrent.h5', 'channels.onnx'])(
    'probabilities are found out and become logits: %s',
    async (file) => {
      const { rows, outputs } = said.answers[file.split('.')[0]];
      const logits = await outputsOf(file, rows, outputs[0].length, { loss: 'softmaxCrossEntropy' });
      expectClose(
        (await tf.softmax(tf.tensor2d(logits, [outputs.length, outputs[0].length])).data()) as Float32Array,
        outputs.flat(),
      );
      expect(Math.min(...logits)).toBeLessThan(0);
    },
  );

  test('logits stay as they are', async () => {
    for (const file of ['branches.h5', 'branches'])
      expectClose(
        await outputsOf(file, 'images', 3, { loss: 'softmaxCrossEntropy' }),
        said.answers['branches'].outputs.flat(),
      );
  });

  test('a SavedModel leaves no tensors behind', async () => {
    await outputsOf('branches', 'images', 3);
    const before = tf.memory().numTensors;
    await outputsOf('branches', 'images', 3);
    expect(tf.memory().numTensors).toBe(before);
  });

  test.each([
    [
      'hard.keras',
      /hard\.keras cannot be loaded: the layer \w+ \(Dense\) has the activation "hard_sigmoid", which is not computed/,
    ],
    [
      'unknown.keras',
      /unknown\.keras cannot be loaded: the layer \w+ is Normalization, which is not computed here as in Keras/,
    ],
    ['only.weights.h5', /cannot be loaded: it contains only weights/],
    ['cut.h5', /its HDF5 file is damaged or incomplete/],
    ['cut.keras', /it is neither an HDF5 file nor a complete \.keras archive/],
    ['cut.onnx', /cut\.onnx cannot be loaded: .*protobuf/],
    ['fixed.onnx', /it takes exactly 1 rows at a time/],
    ['fixed', /it takes exactly 4 rows at a time/],
    ['two.onnx', /cannot be loaded: it has the inputs a, b and the fp32 outputs y; exactly one of each is needed/],
    ['branches.keras', /does not accept rows of shape \[10\]/],
    ['channels.onnx', /does not accept rows of shape \[10\]/],
    ['branches', /does not accept rows of shape \[10\]/],
  ])('refused: %s', async (file, text) => {
    await expect(outputsOf(file, 'table', 1)).rejects.toThrow(text);
  });

  test('a SavedModel of independent classes is refused if it may give logits or probabilities', async () => {
    const one = { loss: 'binaryCrossEntropy' as const };
    await expect(outputsOf('nested', 'images', 3, one)).rejects.toThrow(
      /does not show whether its outputs are logits or probabilities/,
    );
    expectClose(
      await outputsOf('nested', 'images', 3, { ...one, outputs: 'logits' }),
      said.answers['nested'].outputs.flat(),
    );
  });
});

describe.skipIf(!canRun)(`students learn from them (${skipped})`, () => {
  const taughtBy = (file: string, change: Partial<RecipeInput> = {}): RecipeInput => ({
    ...smallRecipe(change),
    teacher: { pretrained: scratch.path(file) },
  });
  const train = (recipe: RecipeInput) =>
    scratch.trainByCommand(recipe, ['--backend', 'tensorflow'], { env: { STILLHOUSE_CACHE: cache } });

  test('the same from each format', async () => {
    const shas: string[] = [];
    const errors: number[] = [];
    for (const file of ['table.h5', 'table.keras', 'table', 'table.h5']) {
      const { record } = await train(taughtBy(file));
      shas.push(record.student!.weightsSha256);
      errors.push(record.student!.test['rmse'] as number);
    }
    expect(shas[1]).toBe(shas[0]);
    expect(shas[3]).toBe(shas[0]);
    expect(Math.abs(errors[2] - errors[0])).toBeLessThan(1e-3);
  });

  test('one in ONNX, and an ensemble of formats', async () => {
    const { record } = await train(taughtBy('mlp.onnx'));
    expect(record.student!.weightsSha256).not.toBe(record.baseline!.weightsSha256);
    const { record: both, folder } = await train({
      ...smallRecipe(),
      teacher: { pretrained: [scratch.path('mlp.onnx'), scratch.path('table')] },
    });
    expect(both.student!.weightsSha256).not.toBe(record.student!.weightsSha256);
    const report = await scratch.run(['report', folder], { env: { STILLHOUSE_CACHE: cache } });
    expect(report.code, report.stderr).toBe(0);
    expect(readFileSync(`${folder}/report.html`, 'utf8')).toContain('<td><span>teacher</span></td>');
    expect(report.stderr).not.toContain('warning');
  });

  test('its layers can be compared and copied if they are known, and are refused if they are not', async () => {
    const recipe = smallRecipe();
    const hints = { ...recipe.distill, terms: [{ name: 'hint' as const, teacher: 'dense_1' }] };
    expect((await train({ ...taughtBy('table.keras'), distill: hints })).record.student!.test.rows).toBe(50);
    for (const [file, kind] of [
      ['table', 'a SavedModel'],
      ['mlp.onnx', 'in ONNX'],
    ]) {
      const { code, stderr } = await scratch.run(
        [
          'run',
          scratch.recipe({ ...taughtBy(file), distill: hints }),
          '--out',
          scratch.out(),
          '--backend',
          'tensorflow',
        ],
        { env: { STILLHOUSE_CACHE: cache } },
      );
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(
          new RegExp(`MODEL_LAYER.*the teacher is ${kind}, which has only its outputs, not those of layers`, 's'),
        ),
      ]);
    }
  });

  test.each([
    ['table', 'wasm', 'backend install tensorflow'],
    ['mlp.onnx', 'wasm', 'backend install onnx'],
  ])('without the engine that %s needs, one sentence says what to do', async (file, backend, command) => {
    const { code, stderr } = await scratch.run(
      ['run', scratch.recipe(taughtBy(file)), '--out', scratch.out(), '--backend', backend],
      { env: { STILLHOUSE_CACHE: scratch.path('empty') } },
    );
    expect([code, stderr]).toEqual([3, expect.stringContaining('BACKEND_UNAVAILABLE')]);
    expect(stderr).toContain(command);
  });
});
