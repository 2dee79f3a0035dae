// Which files a path to a pretrained model stands for, and in which format they are.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
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

describe('a model must not say which other files of the machine are read', () => {
  const modelTopology = { class_name: 'Sequential' };
  const named = (name: string, path: string): void =>
    writeModel(name, { modelTopology, weightsManifest: [{ paths: ['first.bin', path], weights: [] }] });

  test.each(['../outside.bin', '../../../../etc/passwd', 'deep/../../outside.bin', '/etc/passwd', '..', '.'])(
    'a shard at %s',
    (path) => {
      writeFileSync(join(folder, 'outside.bin'), 'secret');
      named('named', path);
      expect(() => findTeacher('named', folder)).toThrow(
        `the teacher named names the file ${JSON.stringify(path)}, which is not in its folder`,
      );
    },
  );

  test('a shard in a folder of the model, and one that a link within the folder leads to', () => {
    named('inner', 'deep/linked.bin');
    mkdirSync(join(folder, 'inner/deep'));
    symlinkSync('../second.bin', join(folder, 'inner/deep/linked.bin'));
    expect(Buffer.from(findTeacher('inner', folder).files.get('weights')!).toString()).toBe('abcd');
  });

  test('a link that leads out: a shard, a folder of shards, the model itself', () => {
    writeFileSync(join(folder, 'outside.bin'), 'secret');
    named('linked', 'linked.bin');
    symlinkSync('../outside.bin', join(folder, 'linked/linked.bin'));
    expect(() => findTeacher('linked', folder)).toThrow('names the file "linked.bin", which is not in its folder');
    named('through', 'deep/outside.bin');
    symlinkSync('..', join(folder, 'through/deep'));
    expect(() => findTeacher('through', folder)).toThrow('names the file "deep/outside.bin", which is not');
    mkdirSync(join(folder, 'whole'));
    symlinkSync('../outside.bin', join(folder, 'whole/model.json'));
    expect(() => findTeacher('whole', folder)).toThrow('names the file "model.json", which is not in its folder');
  });

  test('files of a SavedModel: those in it are read, a link that leads out or to a folder is refused', () => {
    const saved = join(folder, 'saved');
    mkdirSync(join(saved, 'variables'), { recursive: true });
    writeFileSync(join(saved, 'saved_model.pb'), 'graph');
    writeFileSync(join(saved, 'variables/values'), 'values');
    symlinkSync('variables/values', join(saved, 'again'));
    expect([...findTeacher('saved', folder).files.keys()]).toEqual(['again', 'saved_model.pb', 'variables/values']);
    symlinkSync('variables', join(saved, 'folder'));
    expect(() => findTeacher('saved', folder)).toThrow('has the link folder to a folder');
    rmSync(join(saved, 'folder'));
    symlinkSync('/etc/passwd', join(saved, 'assets'));
    expect(() => findTeacher('saved', folder)).toThrow('names the file "assets", which is not in its folder');
  });
});
