// The run folder as a coordinator that comes after finds it: torn, fenced, or written by version 0.1.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replayJournal, type JournalRecord } from '@stillhouse/core/cluster';
import { RunFolder, type CoordinatorSecrets } from './run-folder.js';

let path: string;
let folder: RunFolder;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'stillhouse-folder-')), 'run');
  folder = RunFolder.create(path);
});
afterEach(() => rmSync(join(path, '..'), { recursive: true, force: true }));

const secrets: CoordinatorSecrets = { term: 3, runId: 'r', token: 't', meshToken: 'm', listen: '127.0.0.1:1' };
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const records: JournalRecord[] = [
  { type: 'term', term: 1 },
  { type: 'tuned', values: { 'distill.alpha': 0.25 } },
];

test('a record that was torn by a crash is cut off, and the next one is whole', () => {
  for (const record of records) folder.append(record);
  appendFileSync(join(path, 'journal.jsonl'), '{"type":"tuned","valu');
  expect(folder.readJournal().split('\n')).toHaveLength(3);
  folder.append({ type: 'term', term: 2 });
  const lines = readFileSync(join(path, 'journal.jsonl'), 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([...records, { type: 'term', term: 2 }]);
});

test('a journal that was torn within its first record is empty', () => {
  appendFileSync(join(path, 'journal.jsonl'), '{"type":"te');
  expect(folder.readJournal()).toBe('');
  expect(statSync(join(path, 'journal.jsonl')).size).toBe(0);
});

test('a run without a journal has none, which is not an error', () => {
  expect(folder.readJournal()).toBe('');
});

test.each(['journal.jsonl', 'events.jsonl', 'logs/w0.log', 'checkpoints', 'teacher'])(
  'a run is not continued through a symbolic link at %s',
  (name) => {
    folder.writeSecrets(secrets);
    writeFileSync(join(path, 'run.json'), '{}');
    expect(() => RunFolder.open(path)).not.toThrow();
    const elsewhere = join(path, '..', 'elsewhere');
    mkdirSync(elsewhere, { recursive: true });
    rmSync(join(path, name), { recursive: true, force: true });
    symlinkSync(elsewhere, join(path, name));
    expect(() => RunFolder.open(path)).toThrow(
      expect.objectContaining({ code: 'OUT_UNWRITABLE', message: expect.stringContaining('symbolic link') }),
    );
  },
);

test.each([
  ['token', ''],
  ['meshToken', ''],
  ['term', 2 ** 40],
  ['term', -1],
])('secrets with the %s %j are refused: workers could not join, or anyone could', (key, value) => {
  folder.writeSecrets({ ...secrets, [key]: value });
  expect(() => folder.readSecrets()).toThrow(
    expect.objectContaining({ code: 'RUN_NOT_FOUND', message: expect.stringContaining(`cannot be read: ${key}: `) }),
  );
});

test.skipIf(process.platform === 'win32')('a run is not continued with a pipe in it, which nobody would read', () => {
  folder.writeSecrets(secrets);
  writeFileSync(join(path, 'run.json'), '{}');
  execFileSync('mkfifo', [join(path, 'logs', 'pipe')]);
  expect(() => RunFolder.open(path)).toThrow(
    expect.objectContaining({
      code: 'OUT_UNWRITABLE',
      message: expect.stringContaining('pipe is neither a file nor a folder'),
    }),
  );
});

test('a checkpoint is not written through a symbolic link that was put where its part will be', () => {
  const victim = join(path, '..', 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, join(path, 'checkpoints', 'checkpoint.part'));
  const sink = folder.beginCheckpoint();
  sink.write(Uint8Array.of(1));
  sink.commit({ phase: 'teacher', ops: 1, sha256: hashOf(Uint8Array.of(1)) });
  expect(readFileSync(victim, 'utf8')).toBe('precious');
  folder.writeStatus({});
  rmSync(join(path, 'status.json'));
  symlinkSync(victim, join(path, 'status.json'));
  folder.writeStatus({});
  expect(readFileSync(victim, 'utf8')).toBe('precious');
});

test('a folder that holds something is not taken', () => {
  writeFileSync(join(path, 'notes.txt'), '');
  expect(() => RunFolder.create(path)).toThrow(expect.objectContaining({ code: 'OUT_EXISTS' }));
});

test('a folder cannot be made where a file is in the way', () => {
  const file = join(path, 'file');
  writeFileSync(file, '');
  expect(() => RunFolder.create(file)).toThrow(expect.objectContaining({ code: 'OUT_EXISTS' }));
  expect(() => RunFolder.create(join(file, 'run'))).toThrow(expect.objectContaining({ code: 'OUT_UNWRITABLE' }));
});

test('only a run with its record and its secrets can be continued', () => {
  expect(() => RunFolder.open(path)).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }));
  folder.writeSecrets(secrets);
  writeFileSync(join(path, 'run.json'), '{}');
  expect(RunFolder.open(path).readSecrets()).toEqual(secrets);
});

test('only their user can read secrets', () => {
  folder.writeSecrets(secrets);
  expect(statSync(join(path, 'coordinator.json')).mode & 0o777).toBe(0o600);
});

test.each([
  ['cut', '{"term":3'],
  ['without a token', JSON.stringify({ ...secrets, token: undefined })],
  ['with a term that is no number', JSON.stringify({ ...secrets, term: 'three' })],
])('secrets that are %s are refused in one sentence, and their term counts as none', (_, text) => {
  writeFileSync(join(path, 'coordinator.json'), text);
  expect(() => folder.readSecrets()).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }));
  expect(folder.newestTerm()).toBe(0);
});

test('a record that is none is refused, naming the file', () => {
  writeFileSync(join(path, 'run.json'), '{"runId":1}');
  expect(() => folder.readRecord()).toThrow(
    expect.objectContaining({ code: 'RUN_NOT_FOUND', message: expect.stringContaining(join(path, 'run.json')) }),
  );
});

test('a checkpoint that was begun leaves only its part behind', () => {
  const sink = folder.beginCheckpoint();
  sink.write(Uint8Array.of(1));
  expect(existsSync(join(path, 'checkpoints', 'checkpoint.part'))).toBe(true);
  sink.abandon();
  expect(existsSync(join(path, 'checkpoints', 'checkpoint.part'))).toBe(false);
});

test('the baseline’s checkpoint is found, and dropped, under the name that version 0.1 gave it', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const record = { phase: 'baseline', ops: 12, sha256: hashOf(bytes) } as const;
  const sink = folder.beginCheckpoint();
  sink.write(bytes);
  sink.commit(record);
  const name = `000000012-${record.sha256.slice(0, 16)}.safetensors`;
  const [today, before] = ['baseline', 'alone'].map((phase) => join(path, 'checkpoints', `${phase}-${name}`));
  renameSync(today, before);
  expect([...folder.readCheckpoint(record)!]).toEqual([...bytes]);
  folder.dropCheckpoint(record);
  expect(existsSync(before)).toBe(false);
  expect(folder.readCheckpoint(record)).toBeUndefined();
});

test('the baseline’s weights are found in the folder that version 0.1 gave them', () => {
  const data = new Uint8Array(Float32Array.of(1, 2).buffer);
  const weights = [{ name: 'w', shape: [2], trainable: true }];
  folder.saveModel('baseline', { topology: '{}', weights, data, parameters: 2 }, false);
  renameSync(join(path, 'baseline'), join(path, 'alone'));
  expect([...folder.readModel('baseline')!]).toEqual([...data]);
});

test('a journal of version 0.1 speaks of the baseline', () => {
  const checkpoint = { phase: 'alone', ops: 4, sha256: 'ab'.repeat(32), bytes: 3, best: false };
  const lines = [
    { type: 'term', term: 1 },
    { type: 'checkpoint', record: checkpoint },
  ];
  writeFileSync(join(path, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const history = replayJournal(folder.readJournal());
  expect(history.checkpoints).toEqual([{ ...checkpoint, phase: 'baseline' }]);
});
