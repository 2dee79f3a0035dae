// A stored model whose inputs or outputs are not known is refused, with what to do next.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ModelMetadata } from '@stillhouse/core';
import { openModel } from './trained-model.js';
import type { TrainedRun } from './trained-run.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-model-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const metadata: ModelMetadata = {
  loss: 'mse',
  inputShape: [2],
  columns: [{ name: 'x', type: 'tensor', size: 2, factors: [1], offsets: [0], dtype: 'U8' }],
  outputs: 1,
  targets: [],
  classes: null,
};

test.each([
  ['a loss of another version', { loss: 'focal' }, /the loss focal, whose outputs are not known here/, /version/],
  ['a name that every object has', { loss: 'toString' }, /the loss toString, whose outputs are not known/, /version/],
  ['no columns', { columns: [] }, /no complete model: model\.json, \S+\.columns: /, /restore the folder/],
  ['a wrong type', { outputs: 'x' }, /model\.json, userDefinedMetadata\.stillhouse\.outputs: Invalid/, /restore/],
  ['a type of numbers of another version', { columns: [{ ...metadata.columns[0], dtype: 'F16' }] }, /complete/, /Run/],
])('%s: refused', async (_, change, message, next) => {
  const path = join(folder, 'student');
  mkdirSync(path, { recursive: true });
  writeFileSync(
    join(path, 'model.json'),
    JSON.stringify({ userDefinedMetadata: { stillhouse: { ...metadata, ...change } } }),
  );
  writeFileSync(join(path, 'weights.bin'), '');
  await expect(openModel({ folder } as TrainedRun, 'student')).rejects.toMatchObject({
    name: 'StillhouseError',
    code: 'DATA_FORMAT',
    message: expect.stringMatching(message),
    next: expect.stringMatching(next),
  });
});
