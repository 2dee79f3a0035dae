// A journal replays to what was known, however it ends.
import { expect, test } from 'vitest';
import type { PhaseRecord } from '../job/run-record.js';
import { replayJournal, type JournalRecord } from './journal.js';

const sha = (digit: number): string => digit.toString(16).repeat(64);
const epoch = (phase: 'teacher' | 'student', number: number): JournalRecord => ({
  type: 'epoch',
  phase,
  weightsSha256: sha(number),
  record: { epoch: number, rows: 4, rowsDigest: 'd', trainLoss: NaN, learningRate: 0.1, seconds: 1 },
});
const checkpoint = (ops: number): JournalRecord => ({
  type: 'checkpoint',
  record: { phase: 'teacher', ops, sha256: sha(ops), bytes: 1, best: false },
});
const phaseRecord: PhaseRecord = {
  phase: 'teacher',
  workers: 1,
  steps: 3,
  samples: 12,
  seconds: 0,
  samplesPerSecond: Infinity,
  dataWait: { msPerStep: 0, share: NaN },
  stopped: 'all epochs done',
  expectedRowsDigest: 'd',
  epochs: [],
  test: { loss: NaN, rows: 4 },
  parameters: 2,
  bytes: 8,
  weightsSha256: 'w2',
};
const done: JournalRecord = { type: 'phaseDone', record: phaseRecord, blob: sha(0xb) };
const text = (records: readonly JournalRecord[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

test('terms, epochs, checkpoints and phases that are done', () => {
  const history = replayJournal(
    text([
      { type: 'term', term: 1 },
      epoch('teacher', 0),
      checkpoint(3),
      checkpoint(6),
      { type: 'checkpointDropped', sha256: sha(3) },
      { type: 'term', term: 2 },
      epoch('teacher', 0),
      epoch('teacher', 1),
    ]),
  );
  expect(history).toMatchObject({
    term: 2,
    ended: false,
    checkpoints: [{ ops: 6 }],
    epochs: [{ weightsSha256: sha(0) }, { weightsSha256: sha(1) }],
    retired: [sha(3)],
  });
  // What is not a number is not lost.
  expect(history.epochs[0]!.record.trainLoss).toBeNaN();
});

test('a phase that is done leaves nothing of its own, even if one that was being fenced off wrote after it', () => {
  const history = replayJournal(
    text([
      { type: 'term', term: 1 },
      epoch('teacher', 0),
      checkpoint(3),
      done,
      epoch('teacher', 1),
      done,
      epoch('student', 0),
    ]),
  );
  expect(history).toMatchObject({ done: [{ blob: sha(0xb) }], checkpoints: [], epochs: [{ record: { epoch: 0 } }] });
});

test('a baseline that version 0.1 called "alone" is known', () => {
  const old = text([done, { type: 'term', term: 2 }]).replace('"phase":"teacher"', '"phase":"alone"');
  expect(replayJournal(old).done[0]!.record).toMatchObject({ phase: 'baseline', steps: 3 });
});

test('a phase or an epoch that is not whole is an error', () => {
  for (const [record, missing] of [
    [done, '"steps":3,'],
    [done, '"rows":4'],
    [epoch('teacher', 0), '"rowsDigest":"d",'],
  ] as const) {
    const broken = text([record, { type: 'term', term: 2 }]).replace(missing, missing.endsWith(',') ? '' : '"n":4');
    expect(() => replayJournal(broken)).toThrow(expect.objectContaining({ code: 'JOURNAL_CORRUPT' }));
  }
});

test.each([
  ['a hash that leads out of the folder', { sha256: '../../../../etc/passwd' }],
  ['a hash in capitals', { sha256: 'A'.repeat(64) }],
  ['a negative position', { ops: -1 }],
  ['a position that is no number', { ops: '/../../x' }],
])('a checkpoint with %s is an error: the names of its files are made of it', (_, change) => {
  const { record } = checkpoint(3) as JournalRecord & { type: 'checkpoint' };
  for (const entry of [
    { type: 'checkpoint', record: { ...record, ...change } },
    ...('sha256' in change ? [{ type: 'checkpointDropped', ...change }] : []),
  ])
    expect(() => replayJournal(`${JSON.stringify(entry)}\n${JSON.stringify({ type: 'term', term: 2 })}\n`)).toThrow(
      expect.objectContaining({ code: 'JOURNAL_CORRUPT' }),
    );
});

test('a term beyond those that generations can be counted from is an error', () => {
  expect(() =>
    replayJournal(
      text([
        { type: 'term', term: 2 ** 40 },
        { type: 'term', term: 2 },
      ]),
    ),
  ).toThrow(expect.objectContaining({ code: 'JOURNAL_CORRUPT' }));
});

test('a last line that is torn is left out; another one is an error', () => {
  const whole = text([{ type: 'term', term: 1 }, epoch('teacher', 0)]);
  expect(replayJournal(whole.slice(0, -10)).epochs).toEqual([]);
  expect(() => replayJournal(`{"type":\n${whole}`)).toThrow(expect.objectContaining({ code: 'JOURNAL_CORRUPT' }));
});

test('only a run that ended well has ended', () => {
  expect(replayJournal(text([{ type: 'ended', code: 'INTERRUPTED' }])).ended).toBe(false);
  expect(replayJournal(text([{ type: 'ended' }])).ended).toBe(true);
});
