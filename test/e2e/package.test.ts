// What npm publishes works without a clone: packed, installed into an empty folder, run by npx.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { RunRecord } from '@stillhouse/core';
import { root, Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

/** A program that uses everything the library has. */
const consumer = `
import * as stillhouse from 'stillhouse';
import type { CoordinatorNotice, EpochRecord, ErrorCode, Gpu, InspectedColumn, Job, Launcher } from 'stillhouse';
import type { LaunchTarget, Prediction, RunOptions, RunRecord, SweepResult, WorkerInfo } from 'stillhouse';

export const absolute = stillhouse.defineLoss({
  name: 'absolute',
  labels: 'numbers',
  row: ({ outputs, labels }) => Math.abs((outputs[0] ?? NaN) - (labels[0] ?? NaN)),
  hard: ({ tf, outputs, labels }) => tf.mean(tf.abs(tf.sub(outputs, labels)), 1),
  soft: ({ tf, student, teacher, temperature }) => tf.div(tf.mean(tf.abs(tf.sub(student, teacher)), 1), temperature),
});
export const apart = stillhouse.defineTerm<{ power: number }>({
  name: 'apart',
  loss: ({ tf, options, student, teacher }) => tf.mean(tf.pow(tf.sub(student.outputs, teacher.outputs), options.power)),
});

const onNotice: NonNullable<RunOptions['onNotice']> = (notice: CoordinatorNotice, job: Job) => {
  if (notice.type !== 'epoch') return;
  console.log(stillhouse.phasePlan(job, notice.phase).epochs, stillhouse.incidentOf(notice)?.what);
};
declare const launcher: (target: LaunchTarget) => Launcher;
const { signal } = new AbortController();

// What its functions take and give can be named.
export const lossOf = ({ trainLoss }: EpochRecord): number | undefined => trainLoss;
export const hostOf = ({ host }: WorkerInfo): string => host;
export const gpuOf = ({ name }: Gpu): string => name;
export const typeOf = ({ type }: InspectedColumn): string => type;
export const codeOf = (error: stillhouse.StillhouseError): ErrorCode => error.code;
export const pairs: stillhouse.TensorSet = {
  what: 'two pairs',
  rowCount: 2,
  inputShape: [1],
  dtype: 'F32',
  isBytes: false,
  classes: undefined,
  labelCount: 1,
  async *chunks() {
    yield { rowCount: 2, cells: [Float32Array.of(0.5, 1.5), Float32Array.of(0, 1)] };
  },
};

export async function main(): Promise<void> {
  const set = { 'teacher.epochs': 3 };
  const options: RunOptions = { workers: 'auto', backend: 'wasm', set, onNotice, launcher, signal };
  const { record, folder } = await stillhouse.run('recipe.yaml', options);
  const known: RunRecord = record;
  await stillhouse.resume(folder, { onNotice });
  const coordination = await stillhouse.coordinate({ resume: folder }, { workers: 2, listen: '0.0.0.0:0' });
  await stillhouse.work({ coordinators: [coordination.address], token: coordination.token, onLog: console.log });
  await coordination.finished;
  const evaluated = await stillhouse.evaluate(folder);
  console.log(evaluated.student?.rmse?.toFixed(2), known.status);
  const predictions: Prediction[] = await stillhouse.predict(folder, [{ rooms: 3, town: 'A' }]);
  await stillhouse.predict(folder, [[1, 2], [[3], [4]]], { model: 'teacher' });
  await stillhouse.predict(folder, 'rooms,town\\n3,A');
  const axes = [{ path: 'distill.alpha', values: [0, 1] }];
  const swept: SweepResult = await stillhouse.sweep('recipe.yaml', { axes, seeds: 2 });
  console.log(predictions[0]?.values, stillhouse.sweepTable(swept));
  console.log(stillhouse.compressTable(await stillhouse.compress([folder], { out: 'small' })));
  const { file, missing } = await stillhouse.report(folder, { out: 'report.html' });
  const { runs, recipes } = await stillhouse.compare([folder]);
  console.log(file, missing, runs[0]?.student, recipes[0]?.path);
  await stillhouse.generations('recipe.yaml', { count: 2, onGeneration: ({ student }) => console.log(student.loss) });
  await stillhouse.prepare('recipe.yaml', { onProgress: ({ rows, of }) => console.log(rows / of) });
  console.log((await stillhouse.inspect('rows.csv', { target: 'y' })).columns, stillhouse.status(folder).headline);
  await stillhouse.fetchData('mnist', { onFile: ({ path }) => console.log(path) });
  console.log((await stillhouse.doctor()).cpu.cores, stillhouse.listBackends(), stillhouse.dataSetNames);
  await stillhouse.installBackend('webgpu', { onProgress: console.log });
  console.log(stillhouse.linkCudaLibraries().nvidia, stillhouse.bundle('out', { engines: [] }).bytes);
  const { recipe } = await stillhouse.loadRecipe('recipe.yaml');
  console.log(stillhouse.shownMetrics(recipe).map((name) => stillhouse.formatMetric(name, 1)));
  console.log((await stillhouse.readRun(folder)).recipe, stillhouse.defaults.workers, stillhouse.version);
  console.log(stillhouse.exitCodes.ok, stillhouse.backendNames, stillhouse.engineKinds);
  if (new Error() instanceof stillhouse.StillhouseError) console.log(stillhouse.teacherTestOf(record));
}
`;

/** A program that opens the doors of all the other packages, and tests what it puts behind their ports. */
const below = `
import * as contract from '@stillhouse/contract';
import * as coordinator from '@stillhouse/coordinator';
import * as core from '@stillhouse/core';
import * as cluster from '@stillhouse/core/cluster';
import * as training from '@stillhouse/core/training';
import * as tune from '@stillhouse/core/tune';
import * as datasets from '@stillhouse/datasets';
import * as native from '@stillhouse/native';
import * as engines from '@stillhouse/native/engines';
import { tf } from '@stillhouse/native/tfjs';
import { loadStudent, type Student } from '@stillhouse/student';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import * as worker from '@stillhouse/worker';
import * as light from '@stillhouse/worker/light';
import { LocalLauncher } from 'stillhouse';

console.log(coordinator, training, tune, native, engines, light);

export const squares = datasets.defineSource<{ rows: number }>({
  files: () => [],
  isRepeatable: () => true,
  open: ({ rows }, { fromRows }) => fromRows('squares', [{ x: [rows], y: rows ** 2 }]),
});
declare const store: coordinator.RunStore;
declare const engine: worker.Engine;
declare const phase: core.Phase;
const transport: cluster.Transport = webSocketTransport;
const address = '127.0.0.1:0';
const logFile = (name: string): string => name + '.log';
export const tests: contract.ContractTest[] = [
  ...contract.sourceContract(() => ({ kind: squares, config: { rows: 2 }, folder: '.' })),
  ...contract.launcherContract(() => ({ launch: (target) => new LocalLauncher(target), transport, address, logFile })),
  ...contract.transportContract(() => ({ transport, address })),
  ...contract.runStoreContract(() => ({ store, journal: () => '' })),
  ...contract.engineContract(async () => ({ engine, phase, close: () => engine.dispose() })),
];
export const work = (identity: cluster.WorkerIdentity): worker.RunningWorker =>
  worker.startWorker({
    coordinators: [address],
    identity,
    transport,
    clock: systemClock,
    createEngine: worker.tfjsEngine('auto'),
    log: console.log,
  });
export const student: Promise<Student> = loadStudent('student', tf);
`;

function npm(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, npm_config_update_notifier: 'false' },
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Files that import a file, directly or by others, from what tsc explains. */
function filesReaching(file: string, lines: readonly string[]): string[] {
  const importers = new Map<string, string[]>();
  let imported: string[] = [];
  for (const line of lines) {
    const importer = / from file '([^']+)'/.exec(line)?.[1];
    if (importer !== undefined) imported.push(importer);
    else if (!line.startsWith(' ')) importers.set(line, (imported = []));
  }
  const found = new Set([file]);
  for (const each of found) for (const importer of importers.get(each) ?? []) found.add(importer);
  return [...found];
}

test.each(readdirSync(join(root, 'packages')))('npm can show the README of %s', (folder) => {
  const read = (file: string): string => readFileSync(join(root, 'packages', folder, file), 'utf8');
  const { name, keywords } = JSON.parse(read('package.json')) as { name: string; keywords: string[] };
  const readme = read('README.md');
  expect(keywords.length).toBeGreaterThan(1);
  expect(readme).toMatch(name === '@stillhouse/cli' ? /^npm i stillhouse$/m : new RegExp(`^npm i .*${name}`, 'm'));
  // Neither the repository's folders nor its scripts are there for somebody who reads it on npm.
  expect(readme).not.toMatch(/\]\((?!https:)|npm run/);
});

test('packed, installed into an empty folder, `npx stillhouse run` trains; no script of a dependency is needed', () => {
  const tarballs = scratch.path('tarballs');
  mkdirSync(tarballs);
  npm('npm', ['pack', '--workspaces', '--ignore-scripts', '--pack-destination', tarballs], root);
  const files = readdirSync(tarballs)
    .filter((name) => !name.startsWith('stillhouse-test'))
    .map((name) => join(tarballs, name));
  expect(files).toHaveLength(readdirSync(join(root, 'packages')).length);

  const project = scratch.path('project');
  mkdirSync(project);
  npm('npm', ['init', '-y'], project);
  // With install scripts on, as a user has them.
  npm('npm', ['install', '--no-audit', '--no-fund', ...files], project);
  expect(existsSync(join(project, 'node_modules/@tensorflow/tfjs-node-gpu'))).toBe(false);
  const published = readdirSync(join(project, 'node_modules/@stillhouse/core/dist'));
  expect(published.filter((name) => name.includes('.test.'))).toEqual([]);
  for (const file of ['LICENSE', 'README.md'])
    expect(existsSync(join(project, 'node_modules/stillhouse', file))).toBe(true);

  scratch.write('project/recipe.yaml', stringify(smallRecipe()));
  scratch.write(
    'project/recipe.ts',
    `import { defineRecipe } from 'stillhouse';\nexport default defineRecipe(${JSON.stringify(smallRecipe())});\n`,
  );
  const output = npm('npx', ['--no-install', 'stillhouse', 'run', 'recipe.ts', '--out', 'out'], project);
  expect(output).toMatch(/student \(distilled\) +49 +196/);
  const { student } = JSON.parse(readFileSync(join(project, 'out/run.json'), 'utf8')) as RunRecord;

  // And as a library.
  scratch.write(
    'project/api.mjs',
    "import { run } from 'stillhouse';\nconst { record, folder } = await run('recipe.yaml', { workers: 1, out: " +
      "'api' });\nconsole.log(record.student.weightsSha256, folder);\n",
  );
  expect(npm(process.execPath, ['api.mjs'], project)).toContain(student!.weightsSha256);

  // The types of all packages, read as strictly as they can be: every function, and types by their names.
  scratch.write('project/consumer.ts', consumer);
  scratch.write('project/below.ts', below);
  const options = ['--ignoreConfig', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false', '--noEmit'];
  const target = ['--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023', '--types', 'node'];
  const compiler = join(root, 'node_modules/typescript-7/bin/tsc');
  const args = [compiler, ...options, ...target, '--explainFiles', 'consumer.ts', 'below.ts'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const lines = stdout.split('\n');
  // TFJS's own types have faults, with a page's library and without: they must not come with `stillhouse`.
  const isOfTfjs = (line: string): boolean => /^node_modules\/@(tensorflow|webgpu)\//.test(line);
  expect(lines.filter((line) => line.includes('error TS') && !isOfTfjs(line))).toEqual([]);
  const reaching = filesReaching('node_modules/@tensorflow/tfjs/dist/index.d.ts', lines);
  expect(reaching.filter((file) => !file.startsWith('node_modules/'))).toEqual(['below.ts']);
});
