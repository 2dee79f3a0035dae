import { expect, test } from 'vitest';
import { augmentationModules } from '../augment/augmentations.js';
import type { Loss } from '../loss/define-loss.js';
import { lossModules } from '../loss/losses.js';
import { metricModules } from '../metric/metrics.js';
import { parseRecipe } from '../recipe/parse.js';
import { openModules } from '../recipe/open-modules.js';
import type { RecipeInput } from '../recipe/schema.js';
import { withValues } from '../tune/space.js';
import { termModules } from '../term/terms.js';
import type { ModuleConfig } from './module-kind.js';

const configOf = (source: string, options: Readonly<Record<string, unknown>> = {}): ModuleConfig => ({
  module: 'own.mjs',
  export: 'default',
  options,
  source,
});

async function opened<Definition>(
  kind: { open(config: ModuleConfig): Promise<void>; of(config: ModuleConfig): Definition },
  source: string,
): Promise<Definition> {
  const config = configOf(source);
  await kind.open(config);
  return kind.of(config);
}

/** Stands for a tensor where only its shape is looked at. */
const tensor = (...shape: number[]) => ({ shape, rank: shape.length, dtype: 'float32' }) as never;
const refusal = (message: string): unknown =>
  expect.objectContaining({ code: 'EXTENSION_MODULE', message: expect.stringContaining(message) });

test('a module that is open has a definition for other options as well, without being loaded again', async () => {
  const source =
    'export default ({ options: { power } }) => {' +
    " if (power > 3) throw new Error('power is above 3');" +
    " return { name: 'power' + power, loss() {} }; };";
  await termModules.open(configOf(source, { power: 1 }));
  expect(termModules.of(configOf(source, { power: 2 })).name).toBe('power2');
  expect(() => termModules.of(configOf(source, { power: 4 }))).toThrow(
    refusal('the term in own.mjs, export default: power is above 3'),
  );
  expect(termModules.find(configOf(`${source} `, { power: 1 }))).toBeUndefined();
});

const base: RecipeInput = {
  data: {
    large: { generator: 'friedman1', rows: 30 },
    small: { generator: 'friedman1', rows: 30 },
    split: { test: 0.5 },
  },
  loss: 'mse',
  teacher: { model: { layers: [{ dense: 1 }] } },
  student: { model: { layers: [{ dense: 1 }] } },
};

test('options of a term and of an augmentation take the values that a search tries', async () => {
  const term = "export default ({ options }) => ({ name: 'term' + options.power, loss() {} })";
  const jitter = "export default ({ options }) => ({ name: 'jitter' + options.deviation, row() {} })";
  const recipe = parseRecipe({
    ...base,
    distill: {
      terms: [{ name: 'kd' }, { module: 'term.mjs', source: term, options: { power: 1 } }],
      transfer: [{ augment: { modules: [{ module: 'jitter.mjs', source: jitter, options: { deviation: 0.1 } }] } }],
    },
  });
  await openModules(recipe);
  const { distill } = withValues(recipe, {
    'distill.terms[1].options.power': 3,
    'distill.transfer[0].augment.modules[0].options.deviation': 0.4,
  });
  expect(termModules.of(distill!.terms[1] as ModuleConfig).name).toBe('term3');
  expect(augmentationModules.of(distill!.transfer[0]!.augment!.modules![0]!).name).toBe('jitter0.4');
});

test.each([Infinity, NaN, () => 1, new Date(0), undefined, { deep: [-Infinity] }])(
  'options are values of JSON: %s is refused',
  (value) => {
    const module = { module: 'own.mjs', options: { value } } as never;
    for (const recipe of [
      { ...base, loss: module },
      { ...base, metrics: [module] },
      { ...base, distill: { terms: [module] } },
      { ...base, teacher: { ...base.teacher, augment: { modules: [module] } } },
    ])
      expect(() => parseRecipe(recipe)).toThrow(expect.objectContaining({ code: 'RECIPE_INVALID' }));
  },
);

const lossText = (parts: string): string =>
  "export default () => ({ name: 'own', labels: 'numbers', row: () => 0, hard() {}, soft() {}, " + `${parts} })`;

test('an instance of a class is a definition, with the methods of its prototypes', async () => {
  const loss = await opened(
    lossModules,
    "class Base { labels = 'numbers'; scale = 2; row({ labels }) { return this.scale * labels[0]; } " +
      'hard() {} soft() {} }' +
      " class Own extends Base { get name() { return 'own'; } } export default () => new Own();",
  );
  expect(loss.name).toBe('own');
  expect(loss.row({ outputs: Float32Array.of(0), labels: Float32Array.of(3) })).toBe(6);
  const metric = await opened(
    metricModules,
    "export default () => new (class { name = 'own'; smallerIsBetter = true; " +
      'row() { return 1; } finish(sum) { return sum; } })()',
  );
  expect([metric.row({} as never), metric.finish(5, 2)]).toEqual([1, 5]);
  const augmentation = await opened(
    augmentationModules,
    "export default () => new (class { name = 'own'; row({ row }) { row[0] = 7; } })()",
  );
  const row = Float32Array.of(1);
  augmentation.row({ row } as never);
  expect(row[0]).toBe(7);
});

const hard = (loss: Loss) => loss.hard({ outputs: tensor(4, 1) } as never);

test.each([
  ['hard: () => ({ shape: [4, 1] })', hard, 'hard: it returned a tensor of shape [4, 1], not a tensor of shape [4]'],
  ['hard: () => 3', hard, 'hard: it returned 3, not a tensor of shape [4]'],
  ["hard() { throw new Error('boom'); }", hard, 'hard: boom'],
  ['soft: () => ({ shape: [] })', (loss: Loss) => loss.soft({ student: tensor(4, 1) } as never), 'of shape []'],
  ["row: () => 'no'", (loss: Loss) => loss.row({} as never), 'row: it returned "no", not a number'],
  ['ensemble: () => ({ shape: [1] })', (loss: Loss) => loss.ensemble({} as never, [tensor(4, 1)]), 'ensemble: it'],
  [
    "takes: { text: 'one', fits() { throw new Error('boom'); } }",
    (loss: Loss) => loss.takes!.fits(1),
    'the loss in own.mjs, export default, takes.fits: boom',
  ],
  [
    "takes: { text: 'one', fits: () => 1 }",
    (loss: Loss) => loss.takes!.fits(1),
    'takes.fits: it returned 1, not true or',
  ],
  [
    "takes: { text: 'one', async fits() { return false; } }",
    (loss: Loss) => loss.takes!.fits(1),
    'takes.fits: it returned an object, not true or false',
  ],
])('a faulty function of a loss is reported with its module: %s', async (parts, call, message) => {
  const loss = await opened(lossModules, lossText(parts));
  expect(() => call(loss)).toThrow(refusal(message));
});

test.each([
  ["hasTemperature: 'no'", 'hasTemperature is no, neither true nor false'],
  ['outputsText: 3', 'outputsText is 3, not a text'],
])('a fact of a loss is of its type: %s', async (parts, message) => {
  await expect(opened(lossModules, lossText(parts))).rejects.toThrow(refusal(message));
});

test('an asynchronous definition is refused by what it is', async () => {
  const source = "export default async () => ({ name: 'own' })";
  await expect(opened(termModules, source)).rejects.toThrow(refusal('it returned a promise: a definition must not be'));
});

test('[rows] is what a loss returns, and a term a scalar as well', async () => {
  expect(hard(await opened(lossModules, lossText('hard: () => ({ shape: [4] })')))).toMatchObject({ shape: [4] });
  const batch = { student: { outputs: tensor(4, 1) } } as never;
  for (const [shape, isGood] of [
    ['[4]', true],
    ['[]', true],
    ['[4, 1]', false],
  ] as const) {
    const term = await opened(termModules, `export default () => ({ name: 'own', loss: () => ({ shape: ${shape} }) })`);
    if (isGood) expect(term.loss(batch)).toBeDefined();
    else expect(() => term.loss(batch)).toThrow(refusal('loss: it returned a tensor of shape [4, 1], not a tensor of'));
  }
});

test.each([
  ["refusal() { throw new Error('boom'); }", 'refusal', 'refusal: boom'],
  ['refusal: () => 1', 'refusal', 'refusal: it returned 1, not a text or undefined'],
  ['firstEpochs: () => 0.5', 'firstEpochs', 'firstEpochs: it returned 0.5, not a whole number of epochs'],
  ['usesTemperature: () => 1', 'usesTemperature', 'usesTemperature: it returned 1, not true or false'],
  ['comparesLayers: true, learns: () => ({})', 'learns', 'learns: it returned an object, not a layer'],
] as const)('a faulty function of a term is reported with its module: %s', async (parts, name, message) => {
  const term = await opened(termModules, `export default () => ({ name: 'own', loss() {}, ${parts} })`);
  expect(() => (term[name] as () => unknown)()).toThrow(refusal(message));
});

test('so is one of a metric or an augmentation', async () => {
  const metric = await opened(
    metricModules,
    "export default () => ({ name: 'own', smallerIsBetter: true, row() { throw new Error('boom'); }, finish: String })",
  );
  expect(() => metric.row({} as never)).toThrow(refusal('the metric in own.mjs, export default, row: boom'));
  expect(() => metric.finish(1, 1)).toThrow(refusal('finish: it returned "1", not a number'));
  const augmentation = await opened(
    augmentationModules,
    "export default () => ({ name: 'own', row: ({ row }) => row.map((x) => x + 1) })",
  );
  expect(() => augmentation.row({ row: Float32Array.of(1) } as never)).toThrow(refusal('it changes row in place'));
});
