// What npm publishes works without a clone: packed, installed into an empty folder, run by npx.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { root, Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

/** A program that uses everything the library has. */
const consumer = `
import * as stillhouse from 'stillhouse';
import type { CoordinatorNotice, Job, Launcher, LaunchTarget, Prediction } from 'stillhouse';
import type { RunOptions, RunRecord, SweepResult } from 'stillhouse';

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
  const { recipe } = await stillhouse.loadRecipe('recipe.yaml');
  console.log(stillhouse.shownMetrics(recipe).map((name) => stillhouse.formatMetric(name, 1)));
  console.log((await stillhouse.readRun(folder)).recipe, stillhouse.defaults.workers, stillhouse.version);
  console.log(stillhouse.exitCodes.ok, stillhouse.backendNames, stillhouse.engineKinds);
  if (new Error() instanceof stillhouse.StillhouseError) console.log(stillhouse.teacherTestOf(record));
}
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
  const hashes = ['recipe.yaml', 'recipe.ts'].map((file, i) => {
    const output = npm('npx', ['--no-install', 'stillhouse', 'run', file, '--out', `out${i}`], project);
    expect(output).toMatch(/student \(distilled\) +49 +196/);
    return (
      JSON.parse(readFileSync(join(project, `out${i}`, 'run.json'), 'utf8')) as { student: { weightsSha256: string } }
    ).student.weightsSha256;
  });
  expect(hashes[0]).toBe(hashes[1]);

  // And as a library.
  scratch.write(
    'project/api.mjs',
    "import { run } from 'stillhouse';\nconst { record, folder } = await run('recipe.yaml', { workers: 1, out: " +
      "'api' });\nconsole.log(record.student.weightsSha256, folder);\n",
  );
  expect(npm(process.execPath, ['api.mjs'], project)).toContain(hashes[0]);

  // Its types, read as strictly as they can be: every function, and types by their names.
  scratch.write('project/consumer.ts', consumer);
  const options = ['--ignoreConfig', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false', '--noEmit'];
  const target = ['--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023', '--types', 'node'];
  const compiler = join(root, 'node_modules/typescript-7/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [compiler, ...options, ...target, 'consumer.ts'], {
    cwd: project,
    encoding: 'utf8',
  });
  const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
  expect(errors).toEqual([]);
});
