// A state that arrives part by part, and what may go wrong on its way.
import { createHash } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { joinBytes, limits, StillhouseError } from '@stillhouse/core';
import { decodeToWorker, type CoordinatorEvent, type Link } from '@stillhouse/core/cluster';
import { CheckpointReceiver } from './checkpoint-receiver.js';
import type { CheckpointSink } from './run-store.js';

const held = { phase: 'teacher', ops: 5 } as const;
const state = Uint8Array.of(1, 2, 3, 4, 5);
const sha256 = createHash('sha256').update(state).digest('hex');

class FakeLink implements Link {
  readonly isSending = false;
  readonly localHost = 'here';
  readonly sent: object[] = [];
  isClosed = false;
  send(...parts: Uint8Array[]): void {
    this.sent.push(decodeToWorker(joinBytes(parts)));
  }
  onFrame(): void {}
  onClose(): void {}
  admit(): void {}
  close(): void {
    this.isClosed = true;
  }
  abort(): void {}
}

let events: CoordinatorEvent[];
let stored: { parts: number[][]; committed: object[]; abandoned: number };
let fault: (() => void) | undefined;
let timers: Map<number, () => void>;
let receiver: CheckpointReceiver;
let link: FakeLink;

beforeEach(() => {
  [events, fault, timers, link] = [[], undefined, new Map(), new FakeLink()];
  stored = { parts: [], committed: [], abandoned: 0 };
  let timer = 0;
  const sink: CheckpointSink = {
    write: (bytes) => {
      fault?.();
      stored.parts.push([...bytes]);
    },
    commit: (record) => void stored.committed.push(record),
    abandon: () => void (stored.abandoned += 1),
  };
  receiver = new CheckpointReceiver(
    { beginCheckpoint: () => (fault?.(), sink) },
    {
      now: () => 0,
      after: (delayMs, callback) => {
        expect(delayMs).toBe(limits.checkpointTimeoutMs);
        const key = timer++;
        timers.set(key, callback);
        return () => void timers.delete(key);
      },
    },
    (event) => void events.push(event),
  );
});

const part = (offset: number, end: number, id = 1) =>
  ({ type: 'statePart', id, held, offset, total: state.length, bytes: state.slice(offset, end) }) as const;
/** Asks for a state; the worker that was asked opens a link for it. */
const begin = (id = 1, over = link): void => {
  const worker = new FakeLink();
  receiver.begin(id, worker);
  const [capture] = worker.sent as { key: string }[];
  receiver.open({ id, key: capture.key }, over);
  over.sent.length = 0;
};
const full = (): void => {
  throw new StillhouseError('OUT_UNWRITABLE', 'the disk is full');
};

test('a worker is asked for its state, then for part after part, and the whole is committed under its hash', () => {
  const worker = new FakeLink();
  receiver.begin(1, worker);
  expect(worker.sent).toEqual([{ type: 'capture', id: 1, key: expect.any(String) }]);
  receiver.open({ id: 1, key: (worker.sent[0] as { key: string }).key }, link);
  receiver.receive(part(0, 2), link);
  receiver.receive(part(2, 4), link);
  expect(events).toEqual([]);
  receiver.receive(part(4, 5), link);
  expect(link.sent).toEqual([
    { type: 'nextPart', offset: 0 },
    { type: 'nextPart', offset: 2 },
    { type: 'nextPart', offset: 4 },
  ]);
  expect(stored).toEqual({ parts: [[1, 2], [3, 4], [5]], committed: [{ ...held, sha256 }], abandoned: 0 });
  expect(events).toEqual([{ type: 'checkpointTaken', id: 1, held, sha256, bytes: 5 }]);
  expect([link.isClosed, timers.size]).toEqual([true, 0]);
});

test('a part that comes twice is written once', () => {
  begin();
  for (const each of [part(0, 2), part(0, 2), part(2, 5)]) receiver.receive(each, link);
  expect(stored.parts).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  expect(events).toMatchObject([{ type: 'checkpointTaken', sha256 }]);
});

test('only the worker that was asked, over one link, sends its state; another link is closed', () => {
  begin();
  begin(2);
  expect(stored.abandoned).toBe(1);
  receiver.receive(part(0, 2, 1), link);
  expect([link.isClosed, stored.parts]).toEqual([true, []]);
  const worker = new FakeLink();
  receiver.begin(3, worker);
  const [{ key }] = worker.sent as { key: string }[];
  const [mine, another, guessing, silent] = [new FakeLink(), new FakeLink(), new FakeLink(), new FakeLink()];
  receiver.open({ id: 3, key: 'guessed' }, guessing);
  receiver.receive(part(0, 2, 3), silent);
  receiver.open({ id: 3, key }, mine);
  receiver.open({ id: 3, key }, another);
  receiver.receive(part(0, 2, 3), mine);
  receiver.receive(part(2, 5, 3), another);
  expect([guessing, silent, mine, another].map(({ isClosed }) => isClosed)).toEqual([true, true, false, true]);
  expect(stored.parts).toEqual([[1, 2]]);
});

test('a state that is longer than announced fails the checkpoint', () => {
  begin();
  receiver.receive({ ...part(0, 5), total: 4 }, link);
  expect(events).toMatchObject([{ type: 'checkpointFailed', id: 1 }]);
  expect(stored.parts).toEqual([]);
});

test('a worker that sends nothing for too long is given up, and only by the newest wait', () => {
  begin();
  receiver.receive(part(0, 2), link);
  expect(timers.size).toBe(1);
  [...timers.values()][0]();
  expect(events).toEqual([
    { type: 'checkpointFailed', id: 1, reason: expect.stringContaining(`${limits.checkpointTimeoutMs / 1000} s`) },
  ]);
  expect([stored.abandoned, link.isClosed]).toEqual([1, true]);
});

test('a disk that is full before the first part fails the checkpoint, and no worker is asked', () => {
  fault = full;
  const worker = new FakeLink();
  receiver.begin(1, worker);
  expect(events).toEqual([{ type: 'checkpointFailed', id: 1, reason: 'the disk is full' }]);
  expect(worker.sent).toEqual([]);
});

test('a disk that fills up on the way fails the checkpoint, and the next one is taken', () => {
  begin();
  receiver.receive(part(0, 2), link);
  fault = full;
  receiver.receive(part(2, 4), link);
  expect(events).toEqual([{ type: 'checkpointFailed', id: 1, reason: 'the disk is full' }]);
  expect([stored.abandoned, timers.size]).toEqual([1, 0]);
  fault = undefined;
  const next = new FakeLink();
  begin(2, next);
  receiver.receive(part(0, 5, 2), next);
  expect(events.at(-1)).toMatchObject({ type: 'checkpointTaken', id: 2, sha256 });
});

test('an empty part fails the checkpoint: its sender would never end', () => {
  begin();
  receiver.receive(part(0, 0), link);
  expect(events).toMatchObject([{ type: 'checkpointFailed', id: 1 }]);
});
