// Any number of workers and any order of arrival give the bits of the tree. A peer's frame that it may never send now
// is refused rather than summed; one that comes twice or late changes nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomStream } from '../random/random.js';
import { dealRanks } from './assignment.js';
import { segmentsOf } from './chunks.js';
import { codingOf, type Coding } from './coding.js';
import { Collective, type OpHeader, type Outgoing } from './collective.js';
import type { MeshFrame } from './frames.js';
import { plainSumMemory } from './sum-memory.js';
import type { Span } from './tree.js';

const halves = [
  { lo: 0, hi: 2 },
  { lo: 2, hi: 4 },
];
const out = (): Float32Array => new Float32Array(32);
const plain = { generation: 1, memory: plainSumMemory, op: 0, valueCount: 3 };
const create = (sum = out()): Collective => new Collective({ ...plain, ranks: 4, members: halves, self: 0, out: sum });

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
  chunk: 1,
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
  ['a chunk that does not exist', partial({ chunk: 2 })],
  ['a chunk of another’s segment', partial({ chunk: 1 })],
  ['a chunk of another size', partial({ count: 3 })],
  ['a subtree of another worker', partial({ span: { lo: 0, hi: 2 } })],
  ['a subtree that does not exist', partial({ span: { lo: 1, hi: 3 } })],
  ['a finished chunk that does not exist', reduced({ chunk: 2 })],
  ['a finished chunk of this worker’s own segment', reduced({ chunk: 0 })],
  ['two chunks at once, of one that shares no memory', partial({ count: 32 })],
  ['a finished chunk of another size', reduced({ count: 15 })],
  ['a finished chunk of the next operation', reduced({ op: 1 })],
  ['values of a rank that is not the sender’s', values({ rank: 1 })],
  ['more values than the job has', values({ count: 4 })],
  ['fewer', values({ count: 2 })],
  ['so many that no memory holds them', values({ count: 2 ** 31 })],
  ['a mark of a member with ranks', { type: 'mark', generation: 1, op: 0, count: 0 } as const],
])('%s', (_, header) => {
  expect(() => create().place(1, header)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
});

test('a partial sum of the next operation does not replace one that is still needed', () => {
  const collective = create();
  deliver(collective, 1, frameOf(partial(), 2));
  expect(() => collective.place(1, partial({ op: 1 }))).toThrow(
    expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }),
  );
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
    new Collective({ ...plain, ranks: 2, members, self, out: sums[self], op: 5 });
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

/** The sum as the definition says it: recursion over the whole tree, each of whose nodes is rounded. */
function reference(leaves: readonly Float32Array[], { lo, hi }: Span, coding: Coding): Float32Array {
  const mid = lo + Math.floor((hi - lo) / 2);
  const right = hi - lo === 1 ? undefined : reference(leaves, { lo: mid, hi }, coding);
  const sum = right
    ? reference(leaves, { lo, hi: mid }, coding).map((value, i) => Math.fround(value + right[i]!))
    : leaves[lo]!.slice();
  if (coding.format !== 'fp32') plainSumMemory.round(coding.format, sum.subarray(0, coding.count));
  return sum;
}

interface Line {
  readonly from: number;
  readonly to: number;
  readonly frames: MeshFrame[];
  /** The end of the frame that has begun to arrive. */
  finish: (() => Outgoing[]) | undefined;
}

/**
 * The next frame arrives: once or twice, whole or only its first half for now. The second copy may begin before the
 * first has ended, as over a link that replaces another.
 */
function arrive(peer: Collective, link: Line, next: () => number): Outgoing[] {
  const { header, data } = link.frames.shift()!;
  const half = data.byteLength >> 1;
  const isWhole = next() < 0.5;
  const begun = Array.from({ length: next() < 0.1 ? 2 : 1 }, () => peer.place(link.from, header as OpHeader));
  begun[0]?.set(data.subarray(0, half));
  const finish = (): Outgoing[] => {
    link.finish = undefined;
    return begun.flatMap((place) => {
      place?.set(data);
      return place ? peer.receive(link.from, header as OpHeader, place) : [];
    });
  };
  if (isWhole) return finish();
  link.finish = finish;
  return [];
}

const steps = 3;

/** Steps of some members, each going on as soon as it has its sum, while links keep their order. */
function runSteps(
  peers: readonly Collective[],
  { leaves, next, coding }: { leaves: readonly (readonly Float32Array[])[]; next: () => number; coding: Coding },
  check: (self: number, step: number) => void,
): void {
  const links = new Map<string, Line>();
  const send = (from: number, outgoing: readonly Outgoing[]): void => {
    for (const { to, frame } of outgoing) {
      const link = links.get(`${from}-${to}`) ?? { from, to, frames: [], finish: undefined };
      links.set(`${from}-${to}`, link);
      link.frames.push(frame);
    }
  };
  const done = peers.map(() => ({ step: 0, computed: 0 }));
  const compute = (self: number): void => {
    const peer = peers[self]!;
    const { step, computed } = done[self]!;
    done[self]!.computed += 1;
    const span = peer.ownSubtrees[computed];
    if (!span) return send(self, peer.begin());
    peer.partials[computed]!.set(reference(leaves[step]!, span, coding));
    send(self, peer.contribute(computed));
  };
  for (;;) {
    peers.forEach((peer, self) => {
      const { step, computed } = done[self]!;
      if (step === steps || computed === 0 || !peer.gradientsWhole) return;
      check(self, step);
      peer.advance();
      done[self] = { step: step + 1, computed: 0 };
    });
    const todo = peers.flatMap((peer, self) =>
      done[self]!.step < steps && done[self]!.computed < Math.max(1, peer.ownSubtrees.length) ? [self] : [],
    );
    const open = [...links.values()].filter(({ frames, finish }) => frames.length > 0 || finish);
    if (open.length + todo.length === 0) break;
    const drawn = Math.floor(next() * (open.length + todo.length));
    if (drawn >= open.length) compute(todo[drawn - open.length]!);
    else {
      const link = open[drawn]!;
      send(link.to, link.finish?.() ?? arrive(peers[link.to]!, link, next));
    }
  }
  expect(done.map(({ step }) => step)).toEqual(peers.map(() => steps));
}

test('any number of workers and hosts, any chunks and any order of arrival give the bits of the tree', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 200 }),
      fc.constantFrom(16, 32, 1024),
      fc.constantFrom('fp32', 'fp32', 'bf16', 'fp16', 'int8'),
      fc.nat(),
      (ranks, workers, few, chunkFloats, format, seed) => {
        // Blocks of coded numbers are longer than the smallest segments.
        const length = format === 'fp32' ? few : 3 * few;
        const coding = codingOf(format, { gradients: seed % (length + 1), otherWeights: 0 });
        const next = randomStream(seed);
        const members = dealRanks(
          ranks,
          Array.from({ length: workers }, () => 1 + 3 * next()),
        );
        const hostCount = 1 + Math.floor(next() * workers);
        const hosts = members.map(() => Math.floor(next() * hostCount));
        const sums = members.map(() => new Float32Array(length));
        const memory = { ...plainSumMemory, chunkFloats };
        const peers = sums.map(
          (out, self) => new Collective({ generation: 1, ranks, members, hosts, self, out, memory, op: 0, coding }),
        );
        const leaves = Array.from({ length: steps }, () =>
          Array.from({ length: ranks }, () =>
            Float32Array.from({ length }, () => (next() - 0.5) * 10 ** (10 * next() - 5)),
          ),
        );
        runSteps(peers, { leaves, next, coding }, (self, step) =>
          expect(sums[self]).toEqual(reference(leaves[step]!, { lo: 0, hi: ranks }, coding)),
        );
      },
    ),
    { numRuns: 120 },
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
        const segments = segmentsOf({ length, owners: workers, align: plainSumMemory.alignFloats }).map(
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

test('a peer that has all values of an evaluation may go on to the next step', () => {
  const members = [0, 1, 2].map((lo) => ({ lo, hi: lo + 1 }));
  const peers = members.map(
    (_, self) => new Collective({ ...plain, ranks: 3, members, self, out: out(), valueCount: 1 }),
  );
  const [first, second, third] = peers as [Collective, Collective, Collective];
  const values = (rank: number): Map<number, Float64Array> => new Map([[rank, Float64Array.of(rank)]]);
  const framesTo = (to: number, sent: readonly Outgoing[]): MeshFrame[] =>
    sent.flatMap((each) => (each.to === to ? [each.frame] : []));
  const [fromFirst, fromSecond, fromThird] = peers.map((peer, rank) => peer.contributeValues(values(rank)));
  for (const frame of framesTo(0, fromSecond!)) deliver(first, 1, frame);
  for (const frame of framesTo(0, fromThird!)) deliver(first, 2, frame);
  for (const frame of framesTo(1, fromFirst!)) deliver(second, 0, frame);
  expect(first.values).toHaveLength(3);
  first.advance();
  first.partials[0]!.fill(1);
  // The second still waits for the third's values.
  for (const frame of framesTo(1, first.contribute(0))) expect(deliver(second, 0, frame)).toEqual([]);
  for (const frame of framesTo(1, fromThird!)) deliver(second, 2, frame);
  expect(second.values).toHaveLength(3);
  expect(third.values).toBeUndefined();
});

test('one that is alone on its host sends each of its subtrees as soon as it is summed', () => {
  const members = [
    { lo: 0, hi: 3 },
    { lo: 3, hi: 4 },
  ];
  const self = new Collective({ generation: 1, ranks: 4, members, self: 0, out: out(), memory: plainSumMemory, op: 0 });
  expect(self.ownSubtrees).toEqual([
    { lo: 0, hi: 2 },
    { lo: 2, hi: 3 },
  ]);
  for (const [i, span] of self.ownSubtrees.entries())
    expect(self.contribute(i).map(({ to, frame }) => [to, frame.header])).toEqual([
      [1, expect.objectContaining({ type: 'partial', chunk: 1, span })],
    ]);
});

test('what two hosts of four workers each exchange crosses once per host, not once per worker', () => {
  const ranks = 8;
  const members = Array.from({ length: ranks }, (_, lo) => ({ lo, hi: lo + 1 }));
  const hosts = members.map((_, index) => Math.floor(index / 4));
  const floats = 4096;
  const crossing = (of: readonly number[] | undefined): number => {
    const outs = members.map(() => new Float32Array(floats));
    const peers = outs.map(
      (out, self) =>
        new Collective({ generation: 1, ranks, members, hosts: of, self, out, memory: plainSumMemory, op: 0 }),
    );
    let bytes = 0;
    const send = (from: number, outgoing: readonly Outgoing[]): void => {
      for (const { to, frame } of outgoing) {
        if (hosts[from] !== hosts[to]) bytes += frame.data.byteLength;
        send(to, deliver(peers[to]!, from, frame));
      }
    };
    peers.forEach((peer, self) => send(self, peer.contribute(0)));
    expect(peers.every(({ gradientsWhole }) => gradientsWhole)).toBe(true);
    return bytes;
  };
  // Each host sends half of the sum, and gets the other half, in both directions.
  expect(crossing(hosts)).toBe(4 * floats * 2);
  expect(crossing(undefined)).toBe(4 * 4 * floats * 2);
});

test.each([
  ['fp32', 4096 * 4],
  ['bf16', 4096 * 2],
  ['fp16', 4096 * 2 + 32 * 4],
  ['int8', 4096 + 32 * 4],
] as const)('%s: every number travels twice between two, in memory that is allocated once', (format, bytes) => {
  const members = [
    { lo: 0, hi: 1 },
    { lo: 1, hi: 2 },
  ];
  const memories = new Set<ArrayBufferLike>();
  let allocations = 0;
  const allocate = (lengths: readonly number[]): Float32Array[] => {
    allocations += 1;
    const buffers = plainSumMemory.allocate(lengths);
    for (const { buffer } of buffers) memories.add(buffer);
    return buffers;
  };
  const memory = { ...plainSumMemory, chunkFloats: 512, allocate };
  const coding = codingOf(format, { gradients: 4096, otherWeights: 20 });
  const peers = members.map((_, self) => {
    const [sum] = plainSumMemory.allocate([4096 + 20]);
    memories.add(sum!.buffer);
    return new Collective({ generation: 1, ranks: 2, members, self, out: sum!, memory, op: 0, coding });
  });
  for (let step = 0; step < 3; step++) {
    let sent = 0;
    const deliverAll = (from: number, outgoing: readonly Outgoing[]): void => {
      for (const { to, frame } of outgoing) {
        expect(memories).toContain(frame.data.buffer);
        sent += frame.data.byteLength;
        deliverAll(to, deliver(peers[to]!, from, frame));
      }
    };
    peers.forEach((peer, self) => {
      peer.partials[0]!.fill(self + step);
      deliverAll(self, peer.contribute(0));
    });
    expect(peers.every((peer) => peer.gradientsWhole)).toBe(true);
    expect(sent).toBe(2 * (bytes + 20 * 4));
    for (const peer of peers) peer.advance();
  }
  expect(allocations).toBe(2);
});

test('what members of one host read where it lies is not coded, and the same sum goes to others coded', () => {
  const members = [0, 1, 2].map((lo) => ({ lo, hi: lo + 1 }));
  const memory = { ...plainSumMemory, show() {} };
  const [sum] = plainSumMemory.allocate([3 * 128]);
  const coding = codingOf('int8', { gradients: 3 * 128, otherWeights: 0 });
  const files = new Map([
    [0, 10],
    [1, 11],
  ]);
  const out = sum!;
  const hosts = [0, 0, 1];
  const self = new Collective({ generation: 1, ranks: 3, members, self: 0, out, memory, op: 0, coding, files, hosts });
  const lengthsOf = (outgoing: readonly Outgoing[]): number[][] =>
    outgoing.map(({ to, frame }) => [to, frame.data.byteLength]).sort();
  self.partials[0]!.fill(1);
  expect(lengthsOf(self.contribute(0))).toEqual([[1, 0]]);
  const partialOf = (rank: number, chunk: number): OpHeader =>
    partial({ chunk, span: { lo: rank, hi: rank + 1 }, count: 128 });
  expect(self.place(1, partialOf(1, 0))).toHaveLength(0);
  expect(self.receive(1, partialOf(1, 0), new Uint8Array(0))).toEqual([]);
  // The third is on another host: it gets what this host has of its segment.
  expect(lengthsOf(self.receive(1, partialOf(1, 2), new Uint8Array(0)))).toEqual([
    [2, 132],
    [2, 132],
  ]);
  const coded = new Uint8Array(132);
  plainSumMemory.encode('int8', new Float32Array(128).fill(2), coded);
  expect(lengthsOf(deliver(self, 2, { header: partialOf(2, 0), data: coded }))).toEqual([
    [1, 0],
    [2, 132],
  ]);
  expect(out.subarray(0, 128).every((value) => Math.abs(value - 3) < 0.03)).toBe(true);
});
