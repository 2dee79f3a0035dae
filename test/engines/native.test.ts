// The engines that are installed, or not: what they say, and the same bits for any number of workers.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { LayerConfig, RecipeInput } from '@stillhouse/core';
import { convolutional, isNight, nodeOf, Scratch, smallRecipe } from '../e2e/cli.js';
import { placeEngine } from '../../packages/native/src/home.js';
import { cache, engine, skipped } from './engine.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const env = { STILLHOUSE_CACHE: cache };
const vulkan = '/usr/lib/chromium/vk_swiftshader_icd.json';
const hasWebgpu = existsSync(join(cache, 'webgpu')) && existsSync(vulkan);

describe('without an engine', () => {
  test('doctor and list say what to do', async () => {
    const doctor = await scratch.run(['doctor']);
    expect(doctor.stdout).toMatch(
      /processor .* cores\nmemory .* GB free\ngpus .*\nports +a worker can listen on .*\nclock +20\d\d-/,
    );
    const machine = JSON.parse((await scratch.run(['doctor', '--json'])).stdout) as object;
    expect(machine).toMatchObject({
      node: process.versions.node,
      memory: { bytes: expect.any(Number) },
      ports: { usable: true },
      clock: { now: expect.any(String) },
      backends: expect.any(Array),
    });
    expect(doctor.stdout).toMatch(/tensorflow +not usable +not installed: run `stillhouse backend install tensorflow`/);
    const list = JSON.parse((await scratch.run(['backend', 'list', '--json'])).stdout) as {
      name: string;
      usable: boolean;
    }[];
    expect(list.map(({ name, usable }) => [name, usable])).toEqual([
      ['tensorflow', false],
      ['webgpu', false],
      ['wasm', true],
      ['cpu', true],
      ['onnx', false],
    ]);
  });

  test.each([
    ['a path that does not exist', () => scratch.path('none.whl'), /none\.whl does not exist/],
    [
      'a file that is no wheel',
      () => scratch.write('tensorflow_cpu-2.21.0-x.whl', 'not a zip'),
      /cannot be read as a wheel/,
    ],
    ['a folder without libtensorflow', () => scratch.folder, /does not contain libtensorflow_cc/],
  ])('--from %s', async (_, path, text) => {
    const result = await scratch.run(['backend', 'install', 'tensorflow', '--from', path()], {
      env: { STILLHOUSE_CACHE: scratch.path('cache') },
    });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringMatching(/BACKEND_SOURCE/) });
    expect(result.stderr).toMatch(text);
  });

  test('--backend auto says in one line what it took, why, and how to get a faster one', async () => {
    const { stderr } = await scratch.trainByCommand(smallRecipe({}), ['--workers', '1']);
    expect(stderr.split('\n')).toContain(
      'backend wasm: the fastest here that trains every model of the recipe; tensorflow is not installed (several ' +
        'times faster: `stillhouse backend install tensorflow`); webgpu is not installed',
    );
  });

  test('auto says of an engine that does not work why, and what to do', async () => {
    const broken = scratch.path('broken');
    const made = { version: '2.21.0', source: 'test', bytes: 1, cuda: false };
    const { folder } = await placeEngine(
      { env: { STILLHOUSE_CACHE: broken }, kind: 'tensorflow', name: 'broken' },
      async () => made,
    );
    const { stderr } = await scratch.trainByCommand(smallRecipe({}), ['--workers', '1'], {
      env: { STILLHOUSE_CACHE: broken },
    });
    const why = String.raw`does not load: there is no such file or folder \(ENOENT.*\)`;
    expect(stderr).toMatch(
      new RegExp(String.raw`^backend wasm: .*; the tensorflow backend in \S+/broken ${why} \(reinstall it `, 'm'),
    );
    expect(stderr).toContain('(reinstall it with `stillhouse backend install tensorflow --force`)');
    const { stdout } = await scratch.run(['doctor'], { env: { STILLHOUSE_CACHE: broken } });
    expect(stdout).toMatch(new RegExp(String.raw`^tensorflow +not usable +the tensorflow backend in \S+ ${why}`, 'm'));
    expect(stdout).toContain(folder);
  });

  test('auto says of a GPU that nothing uses how to use it', async () => {
    const bin = scratch.path('gpu-bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'nvidia-smi'), '#!/bin/sh\necho "GPU-aaa, NVIDIA H100, 81559 MiB, 550.54, 9.0"\n', {
      mode: 0o755,
    });
    const { stderr } = await scratch.trainByCommand(smallRecipe({}), ['--workers', '1'], {
      env: { PATH: `${bin}:${process.env['PATH']}` },
    });
    expect(stderr).toMatch(
      /^backend wasm: .*; the NVIDIA H100 is not used \(`stillhouse backend install tensorflow --cuda`\)$/m,
    );
    expect((await scratch.run(['doctor'], { env: { PATH: `${bin}:${process.env['PATH']}` } })).stdout).toMatch(
      /gpus +NVIDIA H100, 81559 MiB, driver 550\.54/,
    );
  });

  test('--cuda and --from are for tensorflow; a wheel without CUDA is refused', async () => {
    expect(await scratch.run(['backend', 'install', 'webgpu', '--cuda'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/USAGE/),
    });
    expect(
      await scratch.run(['backend', 'install', 'tensorflow', '--cuda', '--from', 'tensorflow_cpu-2.21.0-x.whl']),
    ).toMatchObject({ code: 2, stderr: expect.stringMatching(/BACKEND_SOURCE: .* was built without CUDA/) });
  });

  test('a machine without Python, and one without a compiler, are told what to install', async () => {
    const bin = scratch.path('bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const python = await scratch.run(['backend', 'install', 'tensorflow'], {
      env: { STILLHOUSE_CACHE: scratch.path('cache'), PATH: bin },
    });
    expect(python).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /BACKEND_TOOL: Python with pip is missing.*\n.*apt install python3-pip; Fedora: .*; macOS: /,
      ),
    });
    // No half engine is left.
    expect(existsSync(scratch.path('cache/tensorflow')) ? readdirSync(scratch.path('cache/tensorflow')) : []).toEqual(
      [],
    );
  });
});

describe.skipIf(!engine)(`with an engine (${skipped})`, () => {
  let trained: ReturnType<Scratch['trainByCommand']> | undefined;
  const onThisNode = (): ReturnType<Scratch['trainByCommand']> =>
    (trained ??= scratch.trainByCommand(smallRecipe(), ['--backend', 'tensorflow'], { env }));

  test.each([
    ['dense', {}, ['1', '2']],
    ['convolutional', { teacher: { model: { layers: convolutional }, epochs: 2 } }, ['1', '3']],
  ] as const)('%s: the same bits for any number of workers; auto takes the engine', async (_, change, counts) => {
    const hashes = [];
    for (const workers of counts) {
      const { record } = await scratch.trainByCommand(smallRecipe({ ...change, ranks: 3 }), ['--workers', workers], {
        env,
      });
      expect(record.workers[0].fingerprint).toMatch(/^tensorflow .* threads=1 /);
      hashes.push([record.teacher!.weightsSha256, record.student!.weightsSha256]);
    }
    expect(hashes[1]).toEqual(hashes[0]);
  });

  const others = [20, 22, 24].filter((version) => nodeOf(version) !== process.execPath);
  for (const version of others)
    test.skipIf(!nodeOf(version))(
      `Node ${version} loads the same engine and gives the same bits (skipped without it: npm run setup:engines)`,
      async () => {
        const { record: here } = await onThisNode();
        const { record: there } = await scratch.trainByCommand(smallRecipe(), ['--backend', 'tensorflow'], {
          env,
          node: nodeOf(version),
        });
        expect(there.versions.node.split('.')[0]).toBe(String(version));
        expect(there.teacher!.weightsSha256).toBe(here.teacher!.weightsSha256);
      },
    );

  test('more threads per rank are the job’s choice', async () => {
    const { record } = await scratch.trainByCommand(smallRecipe({ threads: 2 }), ['--backend', 'tensorflow'], { env });
    expect(record.workers[0].fingerprint).toMatch(/threads=2 /);
  });

  test('evaluate and predict work with it, and nothing that TensorFlow logs is in their output', async () => {
    const { folder, record } = await onThisNode();
    const evaluated = await scratch.run(['evaluate', folder, '--json', '--backend', 'tensorflow'], { env });
    expect(evaluated.stderr).toBe('');
    const metrics = JSON.parse(evaluated.stdout) as { teacher: { rmse: number } };
    expect(metrics.teacher.rmse).toBeCloseTo(record.teacher!.test['rmse'] as number, 5);
  });

  test('what TensorFlow logs is not in the log of a worker, unless it is asked for', async () => {
    const { folder } = await onThisNode();
    expect(readFileSync(join(folder, 'logs/worker-1.log'), 'utf8')).not.toMatch(/^(?:[IWE]\d{4} |WARNING: )/m);
    const asked = { ...env, TF_CPP_MIN_LOG_LEVEL: '0' };
    const { stdout, stderr } = await scratch.run(['predict', folder, '--backend', 'tensorflow'], {
      env: asked,
      stdin: `${Array.from({ length: 10 }, () => '0.5').join(',')}\n`,
    });
    expect(stderr).toMatch(/\nI\d{4} .*cpu_feature_guard/);
    expect(stdout).toMatch(/^-?\d\S*\n$/);
  });
});

describe.skipIf(!hasWebgpu)(
  'webgpu (skipped without it: npm run setup:engines, and Debian’s chromium for SwiftShader)',
  () => {
    const gpu = { env: { ...env, VK_ICD_FILENAMES: vulkan } };

    test('the same bits for 1 and 2 workers', async () => {
      // Every step takes seconds there, and every kernel.
      const layers: LayerConfig[] = isNight ? convolutional : [{ dense: 1 }];
      const teacher = { model: { layers }, epochs: 1 };
      const data: RecipeInput['data'] = {
        large: { generator: 'friedman1', rows: 70 },
        test: { generator: 'friedman1', rows: 20, seed: 2 },
      };
      const recipe = smallRecipe({ ranks: 2, data, teacher, student: undefined, distill: undefined });
      const train = (workers: string) =>
        scratch.trainByCommand(recipe, ['--workers', workers, '--backend', 'webgpu'], gpu);
      const [one, two] = [await train('1'), await train('2')];
      expect(one.record.workers[0].fingerprint).toMatch(/^webgpu 4\.22\.0 dawn=\S+ SwiftShader/);
      expect(two.record.teacher!.weightsSha256).toBe(one.record.teacher!.weightsSha256);
    });

    test('auto does not take a GPU that is software; doctor tells what there is', async () => {
      const own = scratch.path('only-webgpu');
      mkdirSync(own);
      symlinkSync(join(cache, 'webgpu'), join(own, 'webgpu'));
      const only = { env: { ...gpu.env, STILLHOUSE_CACHE: own } };
      const { stderr } = await scratch.trainByCommand(smallRecipe({}), ['--workers', '1'], only);
      expect(stderr).toMatch(/^backend wasm: .*webgpu finds no GPU here, only SwiftShader/m);
      expect((await scratch.run(['doctor'], only)).stdout).toMatch(/webgpu +usable +webgpu 4\.22\.0/);
      expect((await scratch.run(['doctor'], { env: { ...only.env, VK_ICD_FILENAMES: '/nowhere' } })).stdout).toMatch(
        /webgpu +not usable +Dawn finds no GPU on this machine/,
      );
    });
  },
);
