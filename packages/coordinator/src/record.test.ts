// run.json as it follows from what happened.
import { expect, test } from 'vitest';
import type { PhaseRecord, RunRecord } from '@stillhouse/core';
import { emptyHistory, type CoordinatorNotice } from '@stillhouse/core/cluster';
import { endRecord, incidentOf, recordNotice, resumeRecord } from './record.js';

const at = '2026-01-01T00:00:00.000Z';
/** What recordNotice reads of a record. */
const empty = { workers: [], membershipChanges: 0, incidents: [], status: 'running' } as unknown as RunRecord;
const member = (workerId: string, lo: number, hi: number) => ({ workerId, meshAddress: '', ranks: { lo, hi } });
const joined = (workerId: string, host = 'h') =>
  ({ type: 'joined', worker: { workerId, host, fingerprint: 'f' } }) as unknown as CoordinatorNotice;
const left = (workerId: string, reason: string) => ({ type: 'left', workerId, reason }) as unknown as CoordinatorNotice;
const recordOf = (...notices: CoordinatorNotice[]): RunRecord =>
  notices.reduce((record, notice) => recordNotice(record, notice, at), empty);

test('a worker that comes back is one worker, at its new host, and has not left', () => {
  expect(recordOf(joined('a'), joined('b'), left('a', 'its connection closed'), joined('a', 'other')).workers).toEqual([
    { workerId: 'a', host: 'other', fingerprint: 'f' },
    { workerId: 'b', host: 'h', fingerprint: 'f' },
  ]);
});

test('a worker that left keeps the reason, which is an incident as well', () => {
  const record = recordOf(joined('a'), left('a', 'the user stopped it'));
  expect(record.workers).toMatchObject([{ workerId: 'a', left: 'the user stopped it' }]);
  expect(record.incidents).toEqual([{ at, workerId: 'a', what: 'left: the user stopped it' }]);
});

test('the ranks of workers are those of the teacher’s phase', () => {
  const assigned = (phase: string, ...members: object[]) =>
    ({ type: 'phaseAssigned', phase, members, cause: '' }) as unknown as CoordinatorNotice;
  const record = recordOf(
    joined('a'),
    joined('b'),
    assigned('teacher', member('a', 0, 2)),
    assigned('student', member('b', 0, 1)),
  );
  expect(record.workers.map(({ ranks }) => ranks)).toEqual([{ lo: 0, hi: 2 }, undefined]);
});

test('the start of a phase is no change of its members', () => {
  const resumed = (isFirst: boolean) => ({ type: 'resumed', isFirst }) as unknown as CoordinatorNotice;
  expect(recordOf(resumed(true), resumed(false), resumed(false)).membershipChanges).toBe(2);
});

test('a run that goes wrong for days keeps its newest incidents', () => {
  const record = recordOf(...Array.from({ length: 1005 }, (_, i) => left('a', String(i))));
  expect(record.incidents).toHaveLength(1000);
  expect(record.incidents.at(-1)?.what).toBe('left: 1004');
});

test('a worker that a change leaves without a rank is an incident, with the reason', () => {
  const members = [member('a', 0, 2), member('b', 2, 2)];
  const notice = { type: 'phaseAssigned', phase: 'teacher', ops: 1692, members, cause: 'ranks move: a step is slow' };
  expect(incidentOf(notice as unknown as CoordinatorNotice)).toEqual({
    what: 'b without a rank from operation 1,692 on: ranks move: a step is slow',
  });
});

test.each([
  [{ type: 'silent', workerId: 'a', silentMs: 3120 }, '3.12 s'],
  [{ type: 'slow', workerId: 'a', rankMs: 12.4, typicalMs: 6.2 }, '12.4 ms per rank, the others take 6.20 ms'],
  [{ type: 'excluded', workerId: 'a', forMs: 60_000, reason: 'three others cannot reach it' }, '60 s'],
  [{ type: 'waiting', reason: 'a second worker' }, 'a second worker'],
  [{ type: 'notSaved', what: 'run.json', reason: 'no space left' }, 'run.json could not be written: no space left'],
])('an incident is a sentence with its numbers: %o', (notice, words) => {
  expect(incidentOf(notice as unknown as CoordinatorNotice)?.what).toContain(words);
});

test('a run that was resumed after a failure and ends well has no error', () => {
  const failed = endRecord(empty, at, { code: 'LOSS_NOT_FINITE', message: 'm' });
  expect(failed).toMatchObject({ status: 'failed', error: { code: 'LOSS_NOT_FINITE', message: 'm' } });
  const done = endRecord(failed, at, undefined);
  expect(done.status).toBe('done');
  expect('error' in done).toBe(false);
});

test('a run that goes on has the phases of its journal, also one that run.json was not written for', () => {
  const teacher = { phase: 'teacher', steps: 7, epochs: [] } as unknown as PhaseRecord;
  const failed = {
    ...empty,
    status: 'failed',
    error: { code: 'WORKER_LOST', message: 'gone' },
    endedAt: at,
  } as RunRecord;
  expect(resumeRecord(failed, { ...emptyHistory, done: [{ record: teacher, blob: 'b' }] })).toEqual({
    ...empty,
    teacher,
  });
});
