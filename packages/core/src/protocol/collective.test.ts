// A peer's frame that it may not send now is refused, rather than summed.
import { expect, test } from 'vitest';
import { Collective } from './collective.js';
import type { MeshFrame } from './frames.js';

const create = (self = 0): Collective => new Collective({ generation: 1, ranks: 4, members: [{ lo: 0, hi: 2 }, { lo: 2, hi: 4 }], self, out: new Float32Array(32) });
const partial = (change: Partial<MeshFrame & { kind: 'partial' }> = {}): MeshFrame => ({ kind: 'partial', generation: 1, op: 0, segment: 0, span: { lo: 2, hi: 4 }, data: new Float32Array(16), ...change });
const reduced = (change: Partial<MeshFrame & { kind: 'reduced' }> = {}): MeshFrame => ({ kind: 'reduced', generation: 1, op: 0, segment: 1, data: new Float32Array(16), ...change });
const values = (change: Partial<MeshFrame & { kind: 'values' }> = {}): MeshFrame => ({ kind: 'values', generation: 1, op: 0, rank: 2, data: new Float64Array(3), ...change });

test.each([
  ['an operation long over or far ahead', partial({ op: 2 })],
  ['another worker’s segment', partial({ segment: 1 })],
  ['a segment of another size', partial({ data: new Float32Array(3) })],
  ['a subtree of another worker', partial({ span: { lo: 0, hi: 2 } })],
  ['a subtree that does not exist', partial({ span: { lo: 1, hi: 3 } })],
  ['a finished segment that is not the sender’s', reduced({ segment: 0 })],
  ['a finished segment of the next operation', reduced({ op: 1 })],
  ['values of a rank that is not the sender’s', values({ rank: 1 })],
])('%s', (_, frame) => {
  expect(() => create().receive(1, frame)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
});

test.each([['a partial sum', partial()], ['a finished segment', reduced()], ['values', values()]])('%s twice', (_, frame) => {
  const collective = create();
  collective.receive(1, frame);
  expect(() => collective.receive(1, frame)).toThrow(/twice/);
});

test('a frame of another generation is dropped', () => {
  expect(create().receive(1, partial({ generation: 2, op: 9 }))).toEqual([]);
});
