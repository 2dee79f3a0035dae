// The native engine: installed from what is at hand, interrupted, repeated, and the same bits for any number of workers.
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import type { LayerConfig } from '@stillhouse/core';
import { root, Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const cache = join(root, 'node_modules/.cache/stillhouse-native');
const enginesFolder = join(cache, 'tensorflow');
const engine = existsSync(enginesFolder) ? readdirSync(enginesFolder).map((name) => join(enginesFolder, name)).find((folder) => existsSync(join(folder, 'engine.json'))) : undefined;
const skipped = 'skipped without the engine: STILLHOUSE_CACHE=node_modules/.cache/stillhouse-native npx stillhouse backend install tensorflow';
const env = { STILLHOUSE_CACHE: cache };
const node24 = join(root, 'node_modules/.cache/node24/node_modules/node/bin/node');

const convolutional: LayerConfig[] = [{ reshape: [5, 2, 1] }, { conv2d: 4, kernel: 2, activation: 'relu' }, 'batchNormalization', { dropout: 0.3 }, 'flatten', { dense: 1 }];

describe('without an engine', () => {
  test('doctor and list say what to do', async () => {
    const doctor = await scratch.run(['doctor']);
    expect(doctor.stdout).toMatch(/processor .* cores/);
    expect(doctor.stdout).toMatch(/tensorflow +not usable +not installed: run `stillhouse backend install tensorflow`/);
    const list = JSON.parse((await scratch.run(['backend', 'list', '--json'])).stdout) as { name: string; usable: boolean }[];
    expect(list.map(({ name, usable }) => [name, usable])).toEqual([['tensorflow', false], ['wasm', true], ['cpu', true]]);
  });

  test.each([
    ['a path that does not exist', () => scratch.path('none.whl'), /none\.whl does not exist/],
    ['a file that is no wheel', () => scratch.write('tensorflow_cpu-2.21.0-x.whl', 'not a zip'), /cannot be read as a wheel/],
    ['a folder without libtensorflow', () => scratch.folder, /holds no libtensorflow_cc/],
  ])('--from %s', async (_, path, text) => {
    const result = await scratch.run(['backend', 'install', 'tensorflow', '--from', path()], { env: { STILLHOUSE_CACHE: scratch.path('cache') } });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringMatching(/BACKEND_SOURCE/) });
    expect(result.stderr).toMatch(text);
  });

  test('a machine without Python, and one without a compiler, are told what to install', async () => {
    const bin = scratch.path('bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const python = await scratch.run(['backend', 'install', 'tensorflow'], { env: { STILLHOUSE_CACHE: scratch.path('cache'), PATH: bin } });
    expect(python).toMatchObject({ code: 3, stderr: expect.stringMatching(/BACKEND_TOOL: Python with pip is missing.*\n.*apt install python3-pip; Fedora: .*; macOS: /) });
    // No half engine is left.
    expect(existsSync(scratch.path('cache/tensorflow')) ? readdirSync(scratch.path('cache/tensorflow')) : []).toEqual([]);
  });
});

describe.skipIf(!engine)(`with an engine (${skipped})`, () => {
  test('an install from a folder can be killed at any moment, and goes through the next time; a third time it only verifies', async () => {
    const own = { env: { STILLHOUSE_CACHE: scratch.path('own') } };
    const args = ['backend', 'install', 'tensorflow', '--from', engine!];
    for (const afterMs of [700, 2500]) {
      const killed = scratch.start(args, own);
      await delay(afterMs);
      killed.child.kill('SIGKILL');
      await killed.result;
      expect((JSON.parse((await scratch.run(['backend', 'list', '--json'], own)).stdout) as { usable: boolean }[])[0].usable).toBe(false);
    }
    const whole = await scratch.run([...args, '--json'], own);
    expect(whole.code, whole.stderr).toBe(0);
    expect(JSON.parse(whole.stdout)).toMatchObject({ fresh: true, source: engine, fingerprint: expect.stringMatching(/^tensorflow 2\.\d+\.\d+ /) });
    const again = await scratch.run(['backend', 'install', 'tensorflow', '--json'], own);
    expect(JSON.parse(again.stdout)).toMatchObject({ fresh: false });
    const broken = await scratch.run([...args], { env: { ...own.env, CXX: 'no-such-compiler' } });
    expect(broken).toMatchObject({ code: 3, stderr: expect.stringMatching(/BACKEND_TOOL: a C\+\+ compiler is missing \(looked for no-such-compiler\)\n.*apt install g\+\+/) });
  });

  test.each([['dense', {}], ['convolutional', { teacher: { model: { layers: convolutional }, epochs: 2 } }]] as const)('%s: the same bits for 1, 2, 3 workers; auto takes the engine', async (_, change) => {
    const hashes = [];
    for (const workers of ['1', '2', '3']) {
      const { record } = await scratch.train(smallRecipe({ ...change, ranks: 3 }), ['--workers', workers], { env });
      expect(record.workers[0].fingerprint).toMatch(/^tensorflow .* threads=1 /);
      hashes.push([record.teacher!.weightsSha256, record.student!.weightsSha256]);
    }
    expect(hashes[1]).toEqual(hashes[0]);
    expect(hashes[2]).toEqual(hashes[0]);
  });

  test.skipIf(!existsSync(node24))('Node 24 loads the same engine and gives the same bits (skipped without it: npm install --prefix node_modules/.cache/node24 node@24)', async () => {
    const recipe = smallRecipe({ loss: 'mse' });
    const [here, there] = [await scratch.train(recipe, ['--backend', 'tensorflow'], { env }), await scratch.train(recipe, ['--backend', 'tensorflow'], { env, node: node24 })];
    expect(there.record.versions.node).toMatch(/^24\./);
    expect(there.record.teacher!.weightsSha256).toBe(here.record.teacher!.weightsSha256);
  });

  test('more threads per rank are the job’s choice', async () => {
    const { record } = await scratch.train(smallRecipe({ threads: 2 }), ['--backend', 'tensorflow'], { env });
    expect(record.workers[0].fingerprint).toMatch(/threads=2 /);
  });

  test('evaluate and predict work with it', async () => {
    const { folder, record } = await scratch.train(smallRecipe(), ['--backend', 'tensorflow'], { env });
    const metrics = JSON.parse((await scratch.run(['evaluate', folder, '--json', '--backend', 'tensorflow'], { env })).stdout) as { teacher: { rmse: number } };
    expect(metrics.teacher.rmse).toBeCloseTo(record.teacher!.test['rmse'] as number, 5);
  });
});
