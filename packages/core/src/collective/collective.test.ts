// Any number of workers and any order of arrival give the bits of the tree. A peer's frame that it may never send now
// is refused rather than summed; one that comes twice or late changes nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomStream } from '../random/random.js';
import { dealRanks, segmentsOf } from './assignment.js';
import { Collective, type OpHeader, type Outgoing } from './collective.js';
import type { MeshFrame } from './frames.js';
import { plainSumMemory } from './sum-memory.js';
import type { Span } from './tree.js';

const halves = [
  { lo: 0, hi: 2 },
  { lo: 2, hi: 4 },
];
const out = (): Float32Array => new Float32Array(32);
const create = (sum = out()): Collective =>
  new Collective({ generation: 1, ranks: 4, members: halves, self: 0, out: sum, memory: plainSumMemory, op: 0 });

const partial = (change: Partial<OpHeader & { type: 'partial' }> = {}): OpHeader => ({
  type: 'partial',
  generation: 1,
  op: 0,
  chunk: 0,
  span: { lo: 2, hi: 4 },
  count: 16,
  ...change,
});
const reduced = (change: Partial<OpHeader & { type: 'reduced' }> = {}): OpHeader => ({
  type: 'reduced',
  generation: 1,
  op: 0,
  chunk: 0,
  count: 16,
  ...change,
});
const values = (change: Partial<OpHeader & { type: 'values' }> = {}): OpHeader => ({
  type: 'values',
  generation: 1,
  op: 0,
  rank: 2,
  count: 3,
  ...change,
});

/** As a link does: the numbers are put where they belong, then the frame has arrived. */
function deliver(collective: Collective, from: number, { header, data }: MeshFrame): Outgoing[] {
  const place = collective.place(from, header as OpHeader);
  if (!place) return [];
  place.set(data);
  return collective.receive(from, header as OpHeader, place);
}
const frameOf = (header: OpHeader, value: number): MeshFrame => ({
  header,
  data: new Uint8Array(new Float32Array(header.count).fill(value).buffer),
});

test.each([
  ['an operation far ahead', partial({ op: 2 })],
  ['a chunk that does not exist', partial({ chunk: 1 })],
  ['a chunk of another size', partial({ count: 3 })],
  ['a subtree of another worker', partial({ span: { lo: 0, hi: 2 } })],
  ['a subtree that does not exist', partial({ span: { lo: 1, hi: 3 } })],
  ['a partial sum of the next operation while this one is not finished', partial({ op: 1 })],
  ['a finished chunk that does not exist', reduced({ chunk: 1 })],
  ['a finished chunk of another size', reduced({ count: 15 })],
  ['a finished chunk of the next operation', reduced({ op: 1 })],
  ['values of a rank that is not the sender’s', values({ rank: 1 })],
  ['more values than there can be', values({ count: 2 ** 31 })],
  ['a mark of a member with ranks', { type: 'mark', generation: 1, op: 0, count: 0 } as const],
])('%s', (_, header) => {
  expect(() => create().place(1, header)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
});

test('frames that come twice, or after their operation, do not count again', () => {
  const sum = out();
  const collective = create(sum);
  collective.partials[0]!.fill(1);
  collective.contribute(0);
  expect(collective.waitingFor('gradients')).toEqual([1]);
  expect(deliver(collective, 1, frameOf(partial(), 2))).toHaveLength(1);
  expect(deliver(collective, 1, frameOf(partial(), 7))).toEqual([]);
  deliver(collective, 1, frameOf(reduced(), 5));
  deliver(collective, 1, frameOf(reduced(), 9));
  expect(collective.gradientsWhole).toBe(true);
  expect([sum[0], sum[16]]).toEqual([3, 5]);
  collective.advance();
  expect(collective.place(1, partial())).toBeUndefined();
  collective.contribute(0);
  expect(collective.gradientsWhole).toBe(false);
});

test('a frame of another generation is dropped', () => {
  expect(create().place(1, partial({ generation: 2, op: 9 }))).toBeUndefined();
});

test('a spare contributes that it is there, owns a segment, and gets the sum; nobody goes on without it', () => {
  const members = [
    { lo: 0, hi: 2 },
    { lo: 2, hi: 2 },
  ];
  const sums = [out(), out()] as const;
  const join = (self: 0 | 1): Collective =>
    new Collective({ generation: 1, ranks: 2, members, self, out: sums[self], memory: plainSumMemory, op: 5 });
  const [worker, spare] = [join(0), join(1)];
  worker.partials[0]!.fill(1);
  const sent = worker.contribute(0);
  expect(sent.map(({ to, frame }) => [to, frame.header.type])).toEqual([[1, 'partial']]);
  expect(worker.waitingFor('gradients')).toEqual([1]);
  // The spare has the partial, but has not come so far itself: its buffer is still in use.
  expect(sent.flatMap(({ frame }) => deliver(spare, 0, frame))).toEqual([]);
  const marks = spare.begin();
  expect(marks.map(({ frame }) => frame.header.type)).toEqual(['mark', 'reduced']);
  const back = marks.flatMap(({ frame }) => deliver(worker, 1, frame));
  expect(worker.gradientsWhole).toBe(true);
  for (const { frame } of back) deliver(spare, 0, frame);
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
  deliver(worker, 1, { header: { type: 'mark', generation: 1, op: 6, count: 0 }, data: new Uint8Array(0) });
  expect(worker.values).toHaveLength(2);
});

/** The sum as the definition says it: recursion over the whole tree. */
function reference(leaves: readonly Float32Array[], { lo, hi }: Span): Float32Array {
  if (hi - lo === 1) return leaves[lo]!.slice();
  const mid = lo + Math.floor((hi - lo) / 2);
  const [left, right] = [reference(leaves, { lo, hi: mid }), reference(leaves, { lo: mid, hi })];
  return left.map((value, i) => Math.fround(value + right[i]!));
}

test('any number of workers, any chunks and any order of arrival give the bits of the tree, step after step', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 200 }),
      fc.constantFrom(16, 32, 1024),
      fc.nat(),
      (ranks, workers, length, chunkFloats, seed) => {
        const next = randomStream(seed);
        const members = dealRanks(
          ranks,
          Array.from({ length: workers }, () => 1 + 3 * next()),
        );
        const sums = members.map(() => new Float32Array(length));
        const memory = { ...plainSumMemory, chunkFloats };
        const peers = sums.map(
          (out, self) => new Collective({ generation: 1, ranks, members, self, out, memory, op: 0 }),
        );
        // Links keep their order; which link is next, and which frame comes twice, is drawn.
        const links = new Map<string, { from: number; to: number; frames: MeshFrame[] }>();
        const send = (from: number, outgoing: readonly Outgoing[]): void => {
          for (const { to, frame } of outgoing) {
            const link = links.get(`${from}-${to}`) ?? { from, to, frames: [] };
            links.set(`${from}-${to}`, link);
            link.frames.push(frame);
          }
        };
        for (let step = 0; step < 3; step++) {
          const leaves = Array.from({ length: ranks }, () =>
            Float32Array.from({ length }, () => (next() - 0.5) * 10 ** (10 * next() - 5)),
          );
          const todo = peers.flatMap((peer, self) => [
            ...peer.ownSubtrees.map((span, i) => () => {
              peer.partials[i]!.set(reference(leaves, span));
              send(self, peer.contribute(i));
            }),
            ...(peer.ownSubtrees.length ? [] : [() => send(self, peer.begin())]),
          ]);
          for (;;) {
            const open = [...links.values()].filter(({ frames }) => frames.length > 0);
            if (open.length + todo.length === 0) break;
            const drawn = Math.floor(next() * (open.length + todo.length));
            if (drawn >= open.length) todo.splice(drawn - open.length, 1)[0]?.();
            else {
              const { from, to, frames } = open[drawn]!;
              const frame = frames.shift()!;
              for (let times = next() < 0.1 ? 2 : 1; times > 0; times--) send(to, deliver(peers[to]!, from, frame));
            }
          }
          expect(peers.every((peer) => peer.gradientsWhole)).toBe(true);
          const expected = reference(leaves, { lo: 0, hi: ranks });
          for (const sum of sums) expect(sum).toEqual(expected);
          for (const peer of peers) peer.advance();
        }
      },
    ),
    { numRuns: 80 },
  );
});

test('what waits on a link is bounded by one segment and the partial sums of another, however late it is', () => {
  const steps = 4;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 2, max: 6 }),
      fc.integer({ min: 1, max: 300 }),
      fc.nat(),
      (ranks, workers, length, seed) => {
        const next = randomStream(seed);
        const members = dealRanks(
          ranks,
          Array.from({ length: workers }, () => 1 + 3 * next()),
        );
        const segments = segmentsOf(length, { owners: workers, align: plainSumMemory.alignFloats }).map(
          ({ lo, hi }) => 4 * (hi - lo),
        );
        const memory = { ...plainSumMemory, chunkFloats: 16 };
        const peers = members.map((_, self) => {
          const sum = new Float32Array(length);
          return new Collective({ generation: 1, ranks, members, self, out: sum, memory, op: 0 });
        });
        const links = peers.flatMap((_, from) => peers.map((__, to) => ({ from, to, frames: [] as MeshFrame[] })));
        const send = (from: number, outgoing: readonly Outgoing[]): void => {
          for (const { to, frame } of outgoing) links[from * workers + to]!.frames.push(frame);
        };
        // A worker steps on by itself, as soon as it has the sum.
        const step = (self: number): void => {
          const peer = peers[self]!;
          peer.ownSubtrees.forEach((_, i) => send(self, peer.contribute(i)));
          send(self, peer.begin());
        };
        const settle = (self: number): void => {
          const peer = peers[self]!;
          if (!peer.gradientsWhole || peer.op >= steps) return;
          peer.advance();
          if (peer.op < steps) step(self);
        };
        const late = Math.floor(next() * links.length);
        peers.forEach((_, self) => step(self));
        for (;;) {
          for (const { from, to, frames } of links) {
            const waiting = frames.reduce((sum, { data }) => sum + data.byteLength, 0);
            expect(waiting).toBeLessThanOrEqual(segments[from]! + peers[from]!.ownSubtrees.length * segments[to]!);
          }
          peers.forEach((_, self) => settle(self));
          const open = links.filter(({ frames }) => frames.length > 0);
          if (open.length === 0) break;
          const punctual = open.filter((link) => link !== links[late]);
          const { from, to, frames } = punctual[Math.floor(next() * punctual.length)] ?? open[0]!;
          send(to, deliver(peers[to]!, from, frames.shift()!));
        }
        expect(peers.map(({ op }) => op)).toEqual(peers.map(() => steps));
      },
    ),
    { numRuns: 60 },
  );
});
