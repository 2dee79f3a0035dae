import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { visibleGpus } from './gpus.js';
import { enginesFolder, installedEngines, placeEngine } from './home.js';
import { sourceFromPath } from './sources.js';
import { placeOf } from './wheel.js';

const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-native-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test('of a wheel only the two libraries and the headers of the C API are taken', () => {
  expect(placeOf('tensorflow/libtensorflow_cc.so.2')).toBe(join('lib', 'libtensorflow_cc.so.2'));
  expect(placeOf('tensorflow/libtensorflow_framework.2.dylib')).toBe(join('lib', 'libtensorflow_framework.2.dylib'));
  expect(placeOf('tensorflow/include/tensorflow/c/eager/c_api.h')).toBe(join('include', 'tensorflow/c/eager/c_api.h'));
  expect(placeOf('tensorflow/include/xla/tsl/c/tsl_status.h')).toBe(join('include', 'xla/tsl/c/tsl_status.h'));
  for (const other of [
    'tensorflow/python/x.so',
    'tensorflow/include/tensorflow/core/graph/graph.h',
    'tensorflow/include/tensorflow/c/../../../../etc/x.h',
    'libtensorflow_cc.so.2',
    'tensorflow/x/libtensorflow_cc.so.2',
  ])
    expect(placeOf(other)).toBeUndefined();
});

describe('engines in their folders', () => {
  let env: NodeJS.ProcessEnv;
  beforeEach(() => {
    env = { STILLHOUSE_CACHE: mkdtempSync(join(scratch, 'cache-')) };
  });
  const place = (version: string, change: { cuda?: boolean; name?: string } = {}): ReturnType<typeof placeEngine> =>
    placeEngine({ env, kind: 'tensorflow', name: change.name ?? version }, async (folder) => {
      writeFileSync(join(folder, 'library'), version);
      return { version, source: 'here', bytes: 3, cuda: change.cuda ?? false };
    });
  const versions = (): string[] =>
    installedEngines(env, 'tensorflow').map(({ manifest }) => `${manifest.version}${manifest.cuda ? ' cuda' : ''}`);

  test('the newest comes first, one with CUDA before all', async () => {
    expect(versions()).toEqual([]);
    for (const version of ['2.9.1', '2.21.0', '2.20.1']) await place(version);
    await place('2.1.0', { cuda: true });
    expect(versions()).toEqual(['2.1.0 cuda', '2.21.0', '2.20.1', '2.9.1']);
    expect(installedEngines(env, 'webgpu')).toEqual([]);
  });

  test('one that cannot be built leaves the one before, and nothing else', async () => {
    await place('1.0.0', { name: 'engine' });
    await expect(
      placeEngine({ env, kind: 'tensorflow', name: 'engine' }, async () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect(versions()).toEqual(['1.0.0']);
    expect(readdirSync(enginesFolder(env, 'tensorflow'))).toEqual(['engine']);
    await place('1.0.1', { name: 'engine' });
    expect(versions()).toEqual(['1.0.1']);
  });

  test('leftovers of an install that ended are removed; one under way in another process is left alone', async () => {
    const root = enginesFolder(env, 'tensorflow');
    const ended = spawnSync(process.execPath, ['-e', 'process.stdout.write(String(process.pid))'], {
      encoding: 'utf8',
    }).stdout;
    mkdirSync(join(root, `1.0.0.${ended}.partial`), { recursive: true });
    mkdirSync(join(root, `1.0.0.${process.ppid}.partial`));
    writeFileSync(join(root, `1.0.0.${process.ppid}.partial`, 'engine.json'), '{}');
    await place('1.0.0');
    expect(readdirSync(root).sort()).toEqual(['1.0.0', `1.0.0.${process.ppid}.partial`]);
    expect(versions()).toEqual(['1.0.0']);
  });

  test('engines of another revision of Stillhouse are not taken', () => {
    const folder = join(enginesFolder(env, 'tensorflow'), 'old');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'engine.json'),
      JSON.stringify({ tensorflow: '2.21.0', source: '', installedAt: '', bytes: 0 }),
    );
    expect(versions()).toEqual([]);
  });
});

test('the version of a folder is that of its headers, of a wheel that of its name', () => {
  const folder = join(scratch, 'engine');
  const header = join(folder, 'include', 'tensorflow', 'core', 'public', 'release_version.h');
  mkdirSync(join(header, '..'), { recursive: true });
  mkdirSync(join(folder, 'include', 'tensorflow', 'c'));
  mkdirSync(join(folder, 'lib'));
  writeFileSync(join(folder, 'include', 'tensorflow', 'c', 'c_api.h'), '');
  const libraries = (place: string): void =>
    ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'].forEach((name) => writeFileSync(join(place, name), ''));
  libraries(join(folder, 'lib'));
  expect(sourceFromPath(folder)).toMatchObject({ type: 'folder', version: 'unknown', libraries: join(folder, 'lib') });
  libraries(folder);
  writeFileSync(header, '#define TF_MAJOR_VERSION 2\n#define TF_MINOR_VERSION 20\n#define TF_PATCH_VERSION 1\n');
  expect(sourceFromPath(folder)).toMatchObject({ version: '2.20.1', libraries: folder });
  const wheel = join(scratch, 'tensorflow_cpu-2.19.0-cp311-x.whl');
  writeFileSync(wheel, '');
  expect(sourceFromPath(wheel)).toMatchObject({ type: 'wheel', version: '2.19.0' });
  expect(existsSync(wheel)).toBe(true);
});

test('GPUs are those that nvidia-smi names and CUDA_VISIBLE_DEVICES leaves', () => {
  const bin = mkdtempSync(join(scratch, 'bin-'));
  const seen = (devices?: string): string[] =>
    visibleGpus({
      PATH: `${bin}:/usr/bin:/bin`,
      ...(devices === undefined ? {} : { CUDA_VISIBLE_DEVICES: devices }),
    }).map(({ uuid }) => uuid);
  expect(visibleGpus({ PATH: bin })).toEqual([]);
  writeFileSync(
    join(bin, 'nvidia-smi'),
    '#!/bin/sh\nfor gpu in aaa bbb; do echo "GPU-$gpu, NVIDIA H100, 81559 MiB, 550.54, 9.0"; done\n',
    { mode: 0o755 },
  );
  expect(visibleGpus({ PATH: `${bin}:/usr/bin:/bin` })[0]).toEqual({
    uuid: 'GPU-aaa',
    name: 'NVIDIA H100',
    memory: '81559 MiB',
    driver: '550.54',
    computeCapability: '9.0',
  });
  expect(seen()).toEqual(['GPU-aaa', 'GPU-bbb']);
  expect(seen('1')).toEqual(['GPU-bbb']);
  expect(seen('1,0')).toEqual(['GPU-bbb', 'GPU-aaa']);
  expect(seen('GPU-b')).toEqual(['GPU-bbb']);
  expect(seen('0,7,1')).toEqual(['GPU-aaa']);
  expect(seen('')).toEqual([]);
  expect(seen('-1')).toEqual([]);
});
