// Which files a path to a pretrained model stands for, and in which format they are.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findTeacher } from './teacher-files.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-teachers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function writeModel(name: string, model: object): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'model.json'), JSON.stringify(model));
  writeFileSync(join(folder, name, 'first.bin'), 'ab');
  writeFileSync(join(folder, name, 'second.bin'), 'cd');
}
const weightsManifest = [
  { paths: ['first.bin'], weights: [] },
  { paths: ['second.bin'], weights: [] },
];

test.each([
  ['a LayersModel', { class_name: 'Sequential', config: {} }, 'layers'],
  ['a GraphModel, by its nodes', { node: [] }, 'graph'],
])('%s: its topology, and its shards as one', (_, modelTopology, format) => {
  writeModel(format, { modelTopology, weightsManifest });
  const found = findTeacher(format, folder);
  expect(found.format).toBe(format);
  expect([...found.files.keys()]).toEqual(['model', 'weights']);
  expect(Buffer.from(found.files.get('weights')!).toString()).toBe('abcd');
});

test('a run folder stands for its teacher, with what Stillhouse wrote about it', () => {
  const userDefinedMetadata = { stillhouse: { outputs: 3 } };
  writeModel('run/teacher', { modelTopology: { class_name: 'Sequential' }, weightsManifest, userDefinedMetadata });
  expect(findTeacher('run', folder).trained).toEqual({ outputs: 3 });
});

test.each([
  ['nothing', () => 'missing', /does not exist/],
  ['a folder without a model', () => '.', /contains no model\.json/],
  [
    'JSON that is not a model',
    () => {
      writeModel('other', { weights: [] });
      return 'other';
    },
    /is not a TFJS model: it has no modelTopology and weightsManifest/,
  ],
])('%s is refused', (_, path, text) => {
  expect(() => findTeacher(path(), folder)).toThrow(text);
});
