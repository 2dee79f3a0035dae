// A peer's frame that it may never send now is refused rather than summed; one that comes twice or late changes
// nothing.
import { expect, test } from 'vitest';
import { Collective } from './collective.js';
import type { MeshFrame } from './frames.js';

type OpFrame = Exclude<MeshFrame, { type: 'state' }>;

const out = (): Float32Array => new Float32Array(32);
const create = (self = 0): Collective =>
  new Collective({
    generation: 1,
    ranks: 4,
    members: [
      { lo: 0, hi: 2 },
      { lo: 2, hi: 4 },
    ],
    self,
    out: out(),
    op: 0,
  });
const partial = (change: Partial<MeshFrame & { type: 'partial' }> = {}): OpFrame => ({
  type: 'partial',
  generation: 1,
  op: 0,
  segment: 0,
  span: { lo: 2, hi: 4 },
  data: new Float32Array(16),
  ...change,
});
const reduced = (change: Partial<MeshFrame & { type: 'reduced' }> = {}): OpFrame => ({
  type: 'reduced',
  generation: 1,
  op: 0,
  segment: 1,
  data: new Float32Array(16),
  ...change,
});
const values = (change: Partial<MeshFrame & { type: 'values' }> = {}): OpFrame => ({
  type: 'values',
  generation: 1,
  op: 0,
  rank: 2,
  data: new Float64Array(3),
  ...change,
});

test.each([
  ['an operation far ahead', partial({ op: 2 })],
  ['another worker’s segment', partial({ segment: 1 })],
  ['a segment of another size', partial({ data: new Float32Array(3) })],
  ['a subtree of another worker', partial({ span: { lo: 0, hi: 2 } })],
  ['a subtree that does not exist', partial({ span: { lo: 1, hi: 3 } })],
  ['a finished segment that is not the sender’s', reduced({ segment: 0 })],
  ['a finished segment of the next operation', reduced({ op: 1 })],
  ['values of a rank that is not the sender’s', values({ rank: 1 })],
  ['a mark of a member with ranks', { type: 'mark', generation: 1, op: 0 } as const],
])('%s', (_, frame) => {
  expect(() => create().receive(1, frame)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
});

const ones = (): Float32Array => out().fill(1);
const twos = (length = 16): Float32Array => new Float32Array(length).fill(2);

test('frames that come twice, or after their operation, do not count again', () => {
  const sum = out();
  const collective = new Collective({
    generation: 1,
    ranks: 4,
    members: [
      { lo: 0, hi: 2 },
      { lo: 2, hi: 4 },
    ],
    self: 0,
    out: sum,
    op: 0,
  });
  collective.contributePartials([ones()]);
  expect(collective.waitingFor('gradients')).toEqual([1]);
  expect(collective.receive(1, partial({ data: twos() }))).toHaveLength(1);
  expect(collective.receive(1, partial({ data: twos() }))).toEqual([]);
  collective.receive(1, reduced({ data: new Float32Array(16).fill(5) }));
  collective.receive(1, reduced({ data: new Float32Array(16).fill(9) }));
  expect(collective.gradientsWhole).toBe(true);
  expect([sum[0], sum[16]]).toEqual([3, 5]);
  collective.advance();
  expect(collective.receive(1, partial({ data: twos() }))).toEqual([]);
  collective.contributePartials([ones()]);
  expect(collective.gradientsWhole).toBe(false);
});

test('a frame of another generation is dropped', () => {
  expect(create().receive(1, partial({ generation: 2, op: 9 }))).toEqual([]);
});

test('a spare contributes that it is there, owns a segment, and gets the sum; nobody goes on without it', () => {
  const members = [
    { lo: 0, hi: 2 },
    { lo: 2, hi: 2 },
  ];
  const sums = [out(), out()] as const;
  const join = (self: 0 | 1): Collective =>
    new Collective({ generation: 1, ranks: 2, members, self, out: sums[self], op: 5 });
  const [worker, spare] = [join(0), join(1)];
  const sent = worker.contributePartials([ones()]);
  expect(sent.map(({ to, frame }) => [to, frame.type])).toEqual([[1, 'partial']]);
  expect(worker.waitingFor('gradients')).toEqual([1]);
  // The spare has the partial, but has not come so far itself: its buffer is still in use.
  expect(sent.flatMap(({ frame }) => spare.receive(0, frame as OpFrame))).toEqual([]);
  const marks = spare.contributePartials([]);
  expect(marks.map(({ frame }) => frame.type)).toEqual(['mark', 'reduced']);
  const back = marks.flatMap(({ frame }) => worker.receive(1, frame as OpFrame));
  expect(worker.gradientsWhole).toBe(true);
  for (const { frame } of back) spare.receive(0, frame as OpFrame);
  expect(spare.gradientsWhole).toBe(true);
  expect(sums[1]).toEqual(sums[0]);
  worker.advance();
  worker.contributeValues(
    new Map([
      [0, new Float64Array(1)],
      [1, new Float64Array(1)],
    ]),
  );
  expect(worker.values).toBeUndefined();
  expect(worker.waitingFor('values')).toEqual([1]);
  worker.receive(1, { type: 'mark', generation: 1, op: 6 });
  expect(worker.values).toHaveLength(2);
});
