import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { installedEngines } from './home.js';
import { sourceFromPath } from './sources.js';
import { placeOf } from './wheel.js';

const cache = mkdtempSync(join(tmpdir(), 'stillhouse-native-'));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

test('of a wheel only the two libraries and the headers of the C API are taken', () => {
  expect(placeOf('tensorflow/libtensorflow_cc.so.2')).toBe('libtensorflow_cc.so.2');
  expect(placeOf('tensorflow/libtensorflow_framework.2.dylib')).toBe('libtensorflow_framework.2.dylib');
  expect(placeOf('tensorflow/include/tensorflow/c/eager/c_api.h')).toBe(join('include', 'tensorflow/c/eager/c_api.h'));
  expect(placeOf('tensorflow/include/xla/tsl/c/tsl_status.h')).toBe(join('include', 'xla/tsl/c/tsl_status.h'));
  for (const other of ['tensorflow/python/x.so', 'tensorflow/include/tensorflow/core/graph/graph.h', 'tensorflow/include/tensorflow/c/../../../../etc/x.h', 'libtensorflow_cc.so.2', 'tensorflow/x/libtensorflow_cc.so.2']) expect(placeOf(other)).toBeUndefined();
});

test('an engine counts once its manifest is there; the newest version comes first', () => {
  const env = { STILLHOUSE_CACHE: cache };
  expect(installedEngines(env)).toEqual([]);
  for (const version of ['2.9.1', '2.21.0', '2.20.1']) {
    const folder = join(cache, 'tensorflow', version);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'engine.json'), JSON.stringify({ tensorflow: version, source: '', installedAt: '', bytes: 0 }));
  }
  // An install that is under way, even at its last moment.
  mkdirSync(join(cache, 'tensorflow', '3.0.0.partial'));
  writeFileSync(join(cache, 'tensorflow', '3.0.0.partial', 'engine.json'), '{}');
  expect(installedEngines(env).map(({ manifest }) => manifest.tensorflow)).toEqual(['2.21.0', '2.20.1', '2.9.1']);
});

test('the version of a wheel is read from its name, that of a folder from its headers', () => {
  const wheel = join(cache, 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl');
  writeFileSync(wheel, '');
  expect(sourceFromPath(wheel)).toEqual({ kind: 'wheel', path: wheel, version: '2.21.0' });
  const folder = join(cache, 'folder');
  mkdirSync(join(folder, 'include/tensorflow/c'), { recursive: true });
  mkdirSync(join(folder, 'include/tensorflow/core/public'), { recursive: true });
  for (const file of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2', 'include/tensorflow/c/c_api.h']) writeFileSync(join(folder, file), '');
  expect(sourceFromPath(folder)).toEqual({ kind: 'folder', path: folder, version: 'unknown' });
  writeFileSync(join(folder, 'include/tensorflow/core/public/release_version.h'), '#define TF_MAJOR_VERSION 2\n#define TF_MINOR_VERSION 21\n#define TF_PATCH_VERSION 3\n');
  expect(sourceFromPath(folder)).toMatchObject({ version: '2.21.3' });
});
