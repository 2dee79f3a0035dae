// Workers of one host add up each other's sums where they lie: the bits of the tree for any pairs that share, also
// while each goes on to its next step at once and writes over what others have read.
import fc from 'fast-check';
import { writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sharedMemory } from '@stillhouse/native';
import { randomStream } from '@stillhouse/core';
import { Collective, type MeshFrame, type OpHeader, type Outgoing, type Span } from '@stillhouse/core/cluster';
import { allocateFlat } from '../flat/memory.js';
import { hostMemoryOf, type HostMemory } from './host-memory.js';

const memory = hostMemoryOf(process.env);
const skipped = 'skipped without the engine: npm run setup:engines';

/** The sum as the definition says it: recursion over the whole tree. */
function reference(leaves: readonly Float32Array[], { lo, hi }: Span): Float32Array {
  if (hi - lo === 1) return leaves[lo].slice();
  const mid = lo + Math.floor((hi - lo) / 2);
  const [left, right] = [reference(leaves, { lo, hi: mid }), reference(leaves, { lo: mid, hi })];
  return left.map((value, i) => Math.fround(value + right[i]));
}

/** Links of members, which keep their order. */
class Network {
  readonly links = new Map<string, { from: number; to: number; frames: MeshFrame[] }>();
  bytes = 0;

  send(from: number, outgoing: readonly Outgoing[]): void {
    for (const { to, frame } of outgoing) {
      const link = this.links.get(`${from}-${to}`) ?? { from, to, frames: [] };
      this.links.set(`${from}-${to}`, link);
      link.frames.push(frame);
      this.bytes += frame.data.byteLength;
    }
  }
}

interface Case {
  readonly ranks: readonly Span[];
  /** Number of each member's host. */
  readonly hosts: readonly number[];
  readonly floats: number;
  readonly seed: number;
}

/** Gives every member the files of its host; returns what closes them. */
function share(host: HostMemory, hosts: readonly number[]): { files: Map<number, number>[]; close: () => void } {
  const own = hosts.map(() => host.create()!);
  const opened: number[] = own.map(({ file }) => file);
  const files = hosts.map((mine, self) => {
    const members = hosts.flatMap((other, index) => (other === mine && index !== self ? [index] : []));
    const peers = members.map((index): [number, number] => {
      const file = host.open(own[index].offer);
      expect(file).toBeDefined();
      opened.push(file!);
      return [index, file!];
    });
    return new Map(peers.length ? [...peers, [self, own[self].file]] : []);
  });
  return { files, close: () => opened.forEach((file) => host.close(file)) };
}

const steps = 4;

/** Every member takes its steps as fast as frames arrive, in an order that is drawn. */
function runSteps(host: HostMemory, { ranks, hosts, floats, seed }: Case): number {
  const next = randomStream(seed);
  const count = ranks.at(-1)!.hi;
  const { files, close } = share(host, hosts);
  const network = new Network();
  const noise = Float32Array.from({ length: 1031 }, () => (next() - 0.5) * 10 ** (10 * next() - 5));
  const leaves = Array.from({ length: steps }, (_step, step) =>
    Array.from({ length: count }, (_rank, rank) =>
      Float32Array.from({ length: floats }, (_float, i) => noise[(i * (step + 1) + 101 * rank) % noise.length]),
    ),
  );
  const peers = ranks.map((_, self) => {
    const { buffers, sums } = allocateFlat([floats, 100]);
    const [out] = buffers;
    const collective = new Collective({
      generation: 1,
      ranks: count,
      members: ranks,
      hosts,
      self,
      out,
      memory: sums,
      op: 0,
      files: files[self],
    });
    return { out, collective, step: 0, computed: 0 };
  });
  const compute = (peer: (typeof peers)[number], self: number): void => {
    const { collective } = peer;
    const subtrees = collective.ownSubtrees;
    if (subtrees.length === 0) network.send(self, collective.begin());
    else {
      collective.partials[peer.computed].set(reference(leaves[peer.step], subtrees[peer.computed]));
      network.send(self, collective.contribute(peer.computed));
    }
    peer.computed += 1;
  };
  for (;;) {
    for (const peer of peers) {
      if (peer.step === steps || peer.computed === 0 || !peer.collective.gradientsWhole) continue;
      const expected = reference(leaves[peer.step], { lo: 0, hi: count });
      expect(peer.out.every((value, i) => value === expected[i])).toBe(true);
      peer.collective.advance();
      peer.step += 1;
      peer.computed = 0;
    }
    const computing = peers.flatMap((peer, self) =>
      peer.step < steps && peer.computed < Math.max(1, peer.collective.ownSubtrees.length) ? [{ peer, self }] : [],
    );
    const arriving = [...network.links.values()].filter(({ frames }) => frames.length > 0);
    if (computing.length + arriving.length === 0) break;
    const drawn = Math.floor(next() * (computing.length + arriving.length));
    if (drawn < computing.length) {
      compute(computing[drawn].peer, computing[drawn].self);
      continue;
    }
    const { from, to, frames } = arriving[drawn - computing.length];
    const { header, data } = frames.shift()!;
    const place = peers[to].collective.place(from, header as OpHeader);
    place?.set(data);
    if (place) network.send(to, peers[to].collective.receive(from, header as OpHeader, place));
  }
  expect(peers.map(({ step }) => step)).toEqual(peers.map(() => steps));
  close();
  return network.bytes;
}

test.skipIf(!memory)(`sums in shared memory (${skipped})`, () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ count: fc.integer({ min: 0, max: 3 }), host: fc.integer({ min: 0, max: 2 }) }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.constantFrom(1, 1000, 1024, 5000, 70_000),
      fc.nat(),
      (members, floats, seed) => {
        fc.pre(members.some(({ count }) => count > 0));
        let lo = 0;
        const ranks = members.map(({ count }) => ({ lo, hi: (lo += count) }));
        runSteps(memory!, { ranks, hosts: members.map(({ host }) => host), floats, seed });
      },
    ),
    { numRuns: 30 },
  );
});

test.skipIf(!memory)(`on one host no number travels (${skipped})`, () => {
  const ranks = [0, 1, 2, 3].map((lo) => ({ lo, hi: lo + 1 }));
  const of = (hosts: number[]): number => runSteps(memory!, { ranks, hosts, floats: 8192, seed: 1 });
  expect(of([0, 0, 0, 0])).toBe(0);
  const apart = of([0, 1, 2, 3]);
  expect(apart).toBe(steps * 2 * 3 * 8192 * 4);
  // Of two hosts, each sends and gets half of the sum once.
  expect(of([0, 0, 1, 1])).toBe(steps * 2 * 8192 * 4);
});

test.skipIf(!memory)(`what has been shared becomes a memory of its own again (${skipped})`, () => {
  const { files, close } = share(memory!, [0, 0]);
  const members = [
    { lo: 0, hi: 1 },
    { lo: 1, hi: 2 },
  ];
  const { buffers, sums } = allocateFlat([4096]);
  const [out] = buffers;
  const common = { generation: 1, ranks: 2, out, memory: sums, op: 0 };
  void new Collective({ ...common, members, hosts: [0, 0], self: 0, files: files[0] });
  const alone = new Collective({ ...common, members: [{ lo: 0, hi: 2 }], self: 0 });
  close();
  // Another member's part of the sum could only be read.
  alone.partials[0].fill(3);
  expect(out.every((value) => value === 3)).toBe(true);
});

test.skipIf(!memory)(`memory of another process, or what is no memory, is not read (${skipped})`, () => {
  const { file, offer } = memory!.create()!;
  expect(memory!.open({ ...offer, nonce: '00'.repeat(32) })).toBeUndefined();
  expect(memory!.open({ ...offer, file: 0 })).toBeUndefined();
  expect(memory!.open({ ...offer, pid: 2 ** 22 + 1 })).toBeUndefined();
  const opened = memory!.open(offer);
  expect(opened).toBeDefined();
  memory!.close(opened!);
  // Reading beyond the end of a shorter file would end this process.
  const binding = sharedMemory(process.env)!;
  const short = binding.create(4096);
  writeSync(short, Buffer.from(offer.nonce, 'hex'), 0, 32, 0);
  expect(memory!.open({ ...offer, file: short })).toBeUndefined();
  binding.close(short);
  memory!.close(file);
  expect(memory!.open(offer)).toBeUndefined();
});
