// What every place where a run is kept does: what it was given comes back, whole or not at all.
import { deepEqual, equal } from 'node:assert/strict';
import type { RunStore } from '@stillhouse/coordinator';
import type { ExportedModel } from '@stillhouse/core';
import type { JournalRecord } from '@stillhouse/core/cluster';
import { sha256 } from '@stillhouse/datasets';
import { contractOf, type ContractTest, type Make } from './contract-test.js';

export interface RunStoreSubject {
  /** The store of a run that has just begun. */
  readonly store: RunStore;
  /** The journal's text, as a later coordinator reads it. */
  readonly journal: () => string;
  close?(): Promise<void>;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const plain = (read: Uint8Array | undefined): number[] | undefined => read && [...read];
const keyOf = (ops: number, content: Uint8Array) => ({ phase: 'teacher', ops, sha256: sha256(content) }) as const;

/** A dense layer with one weight and one bias. */
const modelOf = (...weights: [number, number]): ExportedModel => ({
  topology: '{"class_name":"Sequential","config":{"name":"m","layers":[]}}',
  weights: [
    { name: 'dense_1/kernel', shape: [1, 1], trainable: true },
    { name: 'dense_1/bias', shape: [1], trainable: true },
  ],
  data: new Uint8Array(Float32Array.from(weights).buffer),
  parameters: 2,
});

const tests: Readonly<Record<string, (subject: RunStoreSubject) => Promise<void>>> = {
  async 'records of the journal come back in order, one per line'({ store, journal }) {
    const records: JournalRecord[] = [
      { type: 'term', term: 1 },
      { type: 'tuned', values: { 'distill.alpha': 0.5 } },
      { type: 'ended' },
    ];
    for (const record of records) store.append(record);
    const lines = journal().split('\n');
    equal(lines.pop(), '');
    deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      records,
    );
  },

  async 'a model comes back with its bytes, under their hash'({ store }) {
    equal(store.readModel('teacher'), undefined);
    const model = modelOf(1, 2);
    equal(store.saveModel('teacher', model, false), sha256(model.data));
    deepEqual(plain(store.readModel('teacher')), [...model.data]);
    equal(store.readModel('student'), undefined);
  },

  async 'the last good weights of a phase that failed are not its model'({ store }) {
    store.saveModel('student', modelOf(1, 2), true);
    equal(store.readModel('student'), undefined);
  },

  async 'a checkpoint comes back whole once it is committed'({ store }) {
    const content = bytes(1, 2, 3, 4, 5);
    const sink = store.beginCheckpoint();
    sink.write(content.subarray(0, 2));
    equal(store.readCheckpoint(keyOf(7, content)), undefined);
    sink.write(content.subarray(2));
    sink.commit(keyOf(7, content));
    deepEqual(plain(store.readCheckpoint(keyOf(7, content))), [...content]);
    equal(store.readCheckpoint(keyOf(8, content)), undefined);
  },

  async 'a part of a checkpoint may be overwritten as soon as it was taken'({ store }) {
    const content = bytes(1, 2, 3);
    const part = content.slice();
    const sink = store.beginCheckpoint();
    sink.write(part);
    part.fill(0);
    sink.commit(keyOf(1, content));
    deepEqual(plain(store.readCheckpoint(keyOf(1, content))), [...content]);
  },

  async 'a checkpoint that was given up leaves nothing, and the next one is whole'({ store }) {
    const abandoned = store.beginCheckpoint();
    abandoned.write(bytes(9, 9, 9, 9));
    abandoned.abandon();
    const content = bytes(1, 2);
    const sink = store.beginCheckpoint();
    sink.write(content);
    sink.commit(keyOf(2, content));
    deepEqual(plain(store.readCheckpoint(keyOf(2, content))), [...content]);
  },

  async 'a dropped checkpoint is gone, the others stay, and dropping it again does nothing'({ store }) {
    const contents = [bytes(1), bytes(2)] as const;
    for (const [ops, content] of contents.entries()) {
      const sink = store.beginCheckpoint();
      sink.write(content);
      sink.commit(keyOf(ops, content));
    }
    for (let times = 0; times < 2; times++) store.dropCheckpoint(keyOf(0, contents[0]));
    equal(store.readCheckpoint(keyOf(0, contents[0])), undefined);
    deepEqual(plain(store.readCheckpoint(keyOf(1, contents[1]))), [2]);
  },
};

/** @param make an empty store, anew for each test */
export const runStoreContract = (make: Make<RunStoreSubject>): ContractTest[] => contractOf(make, tests);
