// Run folders of version 0.1, which called the baseline "alone": in run.json, in the journal, and in the names of
// files.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '@stillhouse/core';
import { Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

interface JournalLine {
  readonly type: string;
  readonly phase?: string;
  readonly record?: { readonly phase?: string };
}

const old = <T extends { readonly phase?: string }>(record: T): T =>
  record.phase === 'baseline' ? { ...record, phase: 'alone' } : record;

/** Gives a run folder the names that version 0.1 would have given it. */
function makeOld(folder: string): void {
  renameSync(join(folder, 'baseline'), join(folder, 'alone'));
  const file = join(folder, 'run.json');
  const { baseline, ...record } = JSON.parse(readFileSync(file, 'utf8')) as RunRecord;
  writeFileSync(file, JSON.stringify({ ...record, alone: old(baseline!) }));
  const lines = journalOf(folder).map((line) => old(line.record ? { ...line, record: old(line.record) } : line));
  writeJournal(folder, lines);
}

const journalOf = (folder: string): JournalLine[] =>
  readFileSync(join(folder, 'journal.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JournalLine);

const writeJournal = (folder: string, lines: readonly JournalLine[]): void =>
  writeFileSync(join(folder, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

/** Takes away what the baseline's phase has left, as if everything had died at its start. */
function interruptBeforeBaseline(folder: string): void {
  const isOfBaseline = ({ type, phase, record }: JournalLine): boolean =>
    type === 'ended' || phase === 'alone' || record?.phase === 'alone';
  writeJournal(
    folder,
    journalOf(folder).filter((line) => !isOfBaseline(line)),
  );
  rmSync(join(folder, 'alone'), { recursive: true });
  const file = join(folder, 'run.json');
  const { alone, endedAt, ...record } = JSON.parse(readFileSync(file, 'utf8')) as RunRecord & { alone?: object };
  writeFileSync(file, JSON.stringify({ ...record, status: 'running' }));
}

const row = `${Array.from({ length: 10 }, (_, i) => i / 10).join(',')}\n`;
let folder: string;
let record: RunRecord;

const answers = async (): Promise<unknown[]> => {
  const evaluated = await scratch.run(['evaluate', folder, '--json']);
  const predicted = await scratch.run(['predict', folder, '--model', 'baseline'], { stdin: row });
  return [evaluated.code, JSON.parse(evaluated.stdout), predicted.code, predicted.stdout];
};

beforeAll(async () => {
  ({ folder, record } = await scratch.train(smallRecipe(), { backend: 'wasm' }));
});

test('a run folder of version 0.1 is evaluated and predicts as one of today', async () => {
  const today = await answers();
  makeOld(folder);
  expect(await answers()).toEqual(today);
});

test('a run of version 0.1 that was interrupted goes on to the same weights', async () => {
  interruptBeforeBaseline(folder);
  const resumed = await scratch.run(['run', '--resume', folder, '--backend', 'wasm', '--json']);
  expect(resumed).toMatchObject({ code: 0 });
  const { baseline, status } = JSON.parse(resumed.stdout) as RunRecord;
  expect(status).toBe('done');
  expect(baseline?.weightsSha256).toBe(record.baseline!.weightsSha256);
  expect(baseline?.test).toEqual(record.baseline!.test);
});
