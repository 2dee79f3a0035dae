// What npm publishes works where nobody has cloned anything: packed, installed into an empty folder, run by npx.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { root, Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

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
  expect(existsSync(join(project, 'node_modules/stillhouse/LICENSE'))).toBe(true);

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
    "import { run } from 'stillhouse';\nconst { record, folder } = await run('recipe.yaml', { workers: 1, out: 'api' });\nconsole.log(record.student.weightsSha256, folder);\n",
  );
  expect(npm(process.execPath, ['api.mjs'], project)).toContain(hashes[0]);

  // And its student by itself.
  scratch.write(
    'project/student.mjs',
    "import * as tf from '@tensorflow/tfjs';\nimport { loadStudent } from '@stillhouse/student';\nconst { values } = await (await loadStudent('api/student', tf)).predict(Array(10).fill(0.5));\nconsole.log(`values ${values.length}`);\n",
  );
  expect(npm(process.execPath, ['student.mjs'], project)).toContain('values 1');
  expect(readdirSync(join(project, 'node_modules/@stillhouse/student/dist')).sort()).toEqual([
    'error.d.ts',
    'index.d.ts',
    'index.js',
    'student.d.ts',
    'types.d.ts',
  ]);
});
