// Every layer and setting of Keras: computed here as in Keras, or refused by its name. docs/keras.md says which.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRecipe, type Job } from '@stillhouse/core';
import { assembleJob } from '@stillhouse/coordinator';
import { openInferenceBackend, openPretrained, type BackendName } from '@stillhouse/worker';
import { root, Scratch, smallRecipe } from '../e2e/cli.js';
import { tablesOf, verdictOf, type Case, type Outcome, type Tried } from './keras-table.js';

const python = join(root, 'node_modules/.cache/python');
const cache = join(root, 'node_modules/.cache/stillhouse-native');
const canRun = existsSync(python);
const isNightly = process.env['STILLHOUSE_NIGHTLY'] === '1';
const backends: BackendName[] = [
  'cpu',
  'wasm',
  ...(existsSync(join(cache, 'tensorflow')) ? ['tensorflow' as const] : []),
];

const scratch = new Scratch();
const docsFile = join(root, 'docs/keras.md');
const docs = readFileSync(docsFile, 'utf8');

/** What keras_layers.py writes. */
interface Cases {
  readonly cases: readonly Case[];
  /** Layers and settings that Keras has and no case tries. */
  readonly untried: Readonly<Record<string, readonly string[]>>;
  readonly untried_layers: readonly string[];
}

/** Every night all layers with all settings; otherwise those that the docs list as right, without settings. */
function generate(keras: 'keras' | 'tf_keras' = 'keras'): Cases {
  const layers = isNightly ? [] : [...docs.matchAll(/^\| (\w+) \| [^|]/gm)].map(([, name]) => name);
  const args = [join(root, 'test/engines/keras_layers.py'), scratch.folder, ...layers];
  const { status, stderr } = spawnSync('python3', args, {
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: python, KERAS: keras },
    maxBuffer: 2 ** 26,
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(readFileSync(scratch.path('cases.json'), 'utf8')) as Cases;
}

/** A job for teachers of any outputs: only layers are compared. */
async function someJob(): Promise<Job> {
  const { job } = await assembleJob(
    parseRecipe({ ...smallRecipe(), distill: { terms: [{ name: 'hint' }] } }),
    'layers',
    { recipeFolder: scratch.folder, dataFolders: [] },
    { folder: scratch.path('prepared') },
  );
  return job;
}

/** What becomes of a case in a format: right, refused with a message, or a difference. */
async function outcomeOf(job: Job, { file, x, y, tolerance }: Case, format: string): Promise<Outcome> {
  const bytes = readFileSync(scratch.path(`${file}.${format}`));
  let answer: Float32Array;
  try {
    const { predict, dispose } = await openPretrained(
      {
        ...job,
        dataset: { ...job.dataset, inputShape: x.shape.slice(1) },
        assets: { teachers: [{ path: file, format: 'keras', files: [{ name: 'model', hash: 'model' }] }] },
      },
      { pretrained: file, outputs: 'auto', validation: 0 },
      () => Promise.resolve(bytes),
    );
    answer = await predict(Float32Array.from(x.values), x.shape);
    dispose();
  } catch (error) {
    return { refused: (error as Error).message };
  }
  if (answer.length !== y.values.length) return { wrong: `${answer.length} numbers instead of ${y.values.length}` };
  const difference = Math.max(
    ...y.values.map((value, i) => Math.abs(value - answer[i]) / Math.max(1, Math.abs(value))),
  );
  return difference < tolerance ? 'right' : { wrong: `differs by ${difference}` };
}

/** What becomes of each case, in both formats and on every engine. */
async function tryAll({ cases }: Cases): Promise<Tried[]> {
  const job = await someJob();
  const outcomes = cases.map((): Record<string, Outcome> => ({}));
  process.env['STILLHOUSE_CACHE'] = cache;
  for (const backend of backends) {
    await openInferenceBackend(backend);
    for (const [i, each] of cases.entries())
      for (const format of ['keras', 'h5']) outcomes[i][`${format} on ${backend}`] = await outcomeOf(job, each, format);
  }
  return cases.map((each, i) => ({ case: each, outcomes: outcomes[i] }));
}

const wrongIn = (tried: readonly Tried[]): object[] =>
  tried
    .filter((each) => verdictOf(each) === undefined)
    .map(({ case: { layer, settings }, outcomes }) => ({ layer, settings, outcomes }));

/** Refusals that do not name what is refused. */
function unnamedIn(tried: readonly Tried[]): string[] {
  const messages = tried.flatMap(({ outcomes }) =>
    Object.values(outcomes).flatMap((each) => (typeof each === 'object' && 'refused' in each ? [each.refused] : [])),
  );
  const isNamed = /is not (computed|applied)|not a layer of Keras|is not called|exactly one of each/;
  return [...new Set(messages.filter((each) => !isNamed.test(each)))];
}

afterAll(() => scratch.clean());

describe.skipIf(!canRun)('Keras (skipped without it: npm run setup:engines)', () => {
  let given: Cases;
  let tried: Tried[];

  beforeAll(async () => {
    given = generate();
    tried = await tryAll(given);
  }, 1_800_000);

  test('every layer and setting is right, or refused, in both formats and on every engine', () => {
    expect(wrongIn(tried)).toEqual([]);
  });

  test('what is refused is refused by name', () => {
    expect(unnamedIn(tried)).toEqual([]);
  });

  test.runIf(isNightly)(
    'so is every layer, setting and model of Keras 2 (skipped except with STILLHOUSE_NIGHTLY=1)',
    async () => {
      const old = await tryAll(generate('tf_keras'));
      expect(old.filter((each) => verdictOf(each) === 'right').length).toBeGreaterThan(old.length / 2);
      expect(wrongIn(old)).toEqual([]);
      expect(unnamedIn(old)).toEqual([]);
    },
    1_800_000,
  );

  test('docs/keras.md says which', async () => {
    const [intro, tables] = docs.split(/(?<=\n## Layers\n\n)/);
    if (isNightly) {
      await expect(intro + tablesOf(tried, given.untried_layers)).toMatchFileSnapshot(docsFile);
      return;
    }
    const models = tried.filter(({ case: { kind } }) => kind === 'model');
    const said = models.filter((each) => tables.includes(`\n| ${each.case.settings} | ${verdictOf(each)} |\n`));
    expect(said).toEqual(models);
    const layers = tried.filter(({ case: { kind } }) => kind === 'layer');
    expect(layers.filter((each) => verdictOf(each) === 'right').length).toBeGreaterThan(layers.length / 2);
  });

  test.runIf(isNightly)(
    'every setting of the layers that are right is tried (skipped except with STILLHOUSE_NIGHTLY=1)',
    () => {
      const right = tried.filter((each) => verdictOf(each) === 'right').map((each) => each.case.layer);
      expect(Object.entries(given.untried).filter(([layer, keys]) => keys.length > 0 && right.includes(layer))).toEqual(
        [],
      );
    },
  );
});
