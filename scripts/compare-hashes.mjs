// Trains the same jobs with two builds of the command line, and says whether their weights are equal to the bit: node
// scripts/compare-hashes.mjs BEFORE/packages/cli/dist/main.js [AFTER] [--engines wasm,tensorflow] [--jobs friedman]
// BEFORE may be a file that `--record FILE` wrote. The jobs are the quickstart's, small ones of several kinds, and the
// examples in small sizes, each with 1 and 3 workers.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: 'wasm,cpu,tensorflow,webgpu' },
    jobs: { type: 'string' },
    record: { type: 'string' },
  },
});
const [before, after = join(root, 'packages/cli/dist/main.js')] = positionals;
if (before === undefined) {
  console.error('usage: node scripts/compare-hashes.mjs BEFORE [AFTER] [--engines A,B] [--jobs A,B] [--record FILE]');
  process.exit(2);
}

const examples = join(root, 'examples');
const dataFolder = process.env.STILLHOUSE_DATA ?? resolve(root, '../shared/data');
const small = {
  name: 'small',
  seed: 3,
  ranks: 3,
  data: {
    large: { generator: 'friedman1', rows: 203 },
    small: { generator: 'friedman1', rows: 30, seed: 1 },
    test: { generator: 'friedman1', rows: 50, seed: 2 },
  },
  loss: 'mse',
  teacher: {
    model: { layers: [{ dense: 16, activation: 'relu' }, { dropout: 0.2 }, { dense: 1 }] },
    epochs: 2,
    validation: 0.1,
  },
  student: { model: { layers: [{ dense: 4, activation: 'relu' }, { dense: 1 }] }, epochs: 2, batch: 8 },
  distill: { alpha: 0.5, beta: 0.1, transfer: [{ augment: { mixup: 1 } }] },
};
const dense = (units, outputs) => ({ layers: [{ dense: units, activation: 'relu' }, { dense: outputs }] });
const convolution = [
  { reshape: [5, 2, 1] },
  { conv2d: 4, kernel: 2, activation: 'relu' },
  'batchNormalization',
  { dropout: 0.3 },
  'flatten',
  { dense: 1 },
];
const convolutional = {
  ...small,
  name: 'convolutional',
  teacher: {
    ...small.teacher,
    model: { layers: convolution },
    optimizer: { name: 'adamw', clipNorm: 0.1, weightDecay: 0.01 },
    schedule: { name: 'cosine', warmupSteps: 3 },
    earlyStopping: { patience: 1 },
  },
  student: { ...small.student, model: { layers: convolution }, batch: 7 },
};
const take = (large, test = 500) => [`data.large.take=${large}`, `data.test.take=${test}`];
// Plain JavaScript and a GPU in software take minutes for pictures.
const fast = ['wasm', 'tensorflow'];
const jobs = {
  small: { recipe: small },
  convolutional: { recipe: convolutional },
  gaussian: {
    recipe: {
      ...small,
      name: 'gaussian',
      loss: 'gaussian',
      teacher: { ...small.teacher, model: dense(16, 2) },
      student: { ...small.student, model: dense(4, 2) },
    },
  },
  huber: {
    recipe: {
      ...small,
      name: 'huber',
      loss: 'huber',
      distill: {
        alpha: 0.3,
        terms: [{ name: 'hint' }, { name: 'bounded' }, { name: 'rkd', warmupEpochs: 2 }, { name: 'pkt' }],
      },
    },
  },
  mae: {
    recipe: { ...small, name: 'mae', loss: 'mae', distill: { transfer: [{ from: 'large' }, { from: 'columns' }] } },
  },
  friedman: { file: 'friedman/recipe.yaml', engines: fast },
  friedmanShort: { file: 'friedman/recipe.yaml', set: ['teacher.epochs=1', 'student.epochs=10'] },
  noise: { file: 'noise/recipe.yaml', set: ['teacher.epochs=1', 'student.epochs=10'] },
  borehole: { file: 'borehole/recipe.yaml', set: ['teacher.epochs=3', 'student.epochs=60'] },
  mnist: {
    engines: fast,
    file: 'mnist/recipe.yaml',
    set: [...take(2000), 'data.small.perClass=5', 'teacher.epochs=1', 'student.epochs=2'],
  },
  usps: {
    engines: fast,
    file: 'usps/recipe.yaml',
    set: [...take(2000), 'data.small.perClass=5', 'teacher.epochs=2', 'student.epochs=3'],
  },
  lenet: {
    engines: fast,
    file: 'lenet/mnist.yaml',
    set: [...take(1000), 'data.small.perClass=5', 'teacher.epochs=1', 'student.epochs=2'],
  },
  fashion: {
    engines: fast,
    file: 'lenet/fashion.yaml',
    set: [...take(1000), 'data.small.perClass=5', 'teacher.epochs=1', 'student.epochs=2'],
  },
  hinton: {
    engines: fast,
    file: 'hinton/recipe.yaml',
    set: [
      ...[...take(2000), 'data.small.take=1000', 'distill.correctBiases=true'],
      ...['teacher.epochs=1', 'teacher.model.layers[2].dense=100', 'teacher.model.layers[6].dense=100'],
      ...['student.epochs=1', 'student.model.layers[1].dense=64', 'student.model.layers[2].dense=64'],
    ],
  },
  transfer: {
    engines: fast,
    file: 'transfer/recipe.yaml',
    set: [...take(1000), 'student.epochs=10'],
    teacher: { file: 'transfer/teacher.yaml', set: [...take(1000), 'teacher.epochs=1'] },
  },
  zeroShot: {
    engines: fast,
    file: 'zero-shot/recipe.yaml',
    set: [...take(2000), 'data.small.take=80', 'data.pool.take=500', 'teacher.epochs=1', 'student.epochs=2'],
  },
  compression: {
    engines: fast,
    file: 'compression/recipe.yaml',
    set: [...take(1000), 'data.small.perClass=10', 'teacher.epochs=1', 'student.epochs=3', 'student.prune.to=2'],
  },
};

const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-hashes-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** What a run prints; its folder is `out`. */
function train(main, path, { out, engine, workers, set, which }) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...[main, 'run', path, '--out', out, '--json', '--workers', String(workers), '--backend', engine],
      ...set.flatMap((setting) => ['--set', setting]),
    ],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      env: {
        STILLHOUSE_CACHE: join(root, 'node_modules/.cache/stillhouse-native'),
        ...process.env,
        STILLHOUSE_PREPARED: join(scratch, `prepared-${which}`),
        STILLHOUSE_DATA: dataFolder,
      },
    },
  );
  if (status !== 0) throw new Error(stderr.trim().split('\n').slice(-2).join(' '));
  return JSON.parse(stdout);
}

/** Weight hashes of a run by phase, or why it gave none. */
function hashesOf(main, name, engine, workers, which) {
  const { recipe, file, set = [], teacher: pretrained } = jobs[name];
  let path = file && join(examples, file);
  if (recipe) writeFileSync((path = join(scratch, `${name}.yaml`)), JSON.stringify(recipe));
  const out = join(scratch, [which, name, engine, workers].join('-'));
  const folder = `${out}-teacher`;
  const how = { out, engine, workers, set, which };
  try {
    if (pretrained) {
      train(main, join(examples, pretrained.file), { ...how, out: folder, set: pretrained.set });
      how.set = [...set, `teacher.pretrained=${folder}`];
    }
    const { teacher, student, baseline, alone } = train(main, path, how);
    return Object.fromEntries(
      Object.entries({ teacher, student, baseline: baseline ?? alone }).map(([phase, record]) => [
        phase,
        record?.weightsSha256,
      ]),
    );
  } catch (error) {
    return { failed: error.message };
  } finally {
    for (const each of [out, folder]) rmSync(each, { recursive: true, force: true });
  }
}

const jobsOn = (engine) =>
  (values.jobs?.split(',') ?? Object.keys(jobs)).filter((name) => jobs[name].engines?.includes(engine) ?? true);

/** Hashes by engine, job and number of workers. */
function* results(main, which) {
  for (const engine of values.engines.split(','))
    for (const name of jobsOn(engine))
      for (const workers of [1, 3])
        yield [`${engine} ${name} on ${workers}`, hashesOf(resolve(main), name, engine, workers, which)];
}

if (values.record) {
  writeFileSync(values.record, JSON.stringify(Object.fromEntries(results(before, 'before')), null, 1));
  process.exit();
}
const known = before.endsWith('.json')
  ? JSON.parse(readFileSync(before, 'utf8'))
  : Object.fromEntries(results(before, 'before'));
let [equal, unequal] = [0, 0];
const byJob = new Map();
for (const [what, hashes] of results(after, 'after')) {
  const job = what.replace(/ on \d+$/, '');
  byJob.set(job, byJob.get(job) ?? JSON.stringify(hashes));
  const isEqual =
    [known[what], hashes].every((each) => each && JSON.stringify(each) === byJob.get(job)) && !hashes.failed;
  if (isEqual) equal += 1;
  else unequal += 1;
  const { teacher, student, baseline } = hashes;
  const shown = [teacher, student, baseline].map((hash) => hash?.slice(0, 16) ?? '–').join(' ');
  console.log(`${isEqual ? 'equal  ' : 'UNEQUAL'} ${what}: ${hashes.failed ?? shown}`);
  if (!isEqual) console.log(`        before: ${JSON.stringify(known[what])}`);
}
console.log(`${equal} equal, ${unequal} unequal`);
process.exitCode = unequal > 0 || equal === 0 ? 1 : 0;
