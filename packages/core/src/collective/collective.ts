// Direct reduce-scatter and all-gather over the fixed reduction tree, in chunks, and an all-gather of small values per
// rank. No I/O: each call returns the frames to send, and `place` says where the numbers of an arriving frame belong.
// Members of one host read each other's sums where they lie, so frames between them carry no numbers; what crosses to
// other hosts they add up and share first (routes.ts).
// Operations are numbered; a peer is at most one ahead (proof in docs/protocol.md).
import { Chunks, type Run } from './chunks.js';
import { CodedChunks } from './coded-chunks.js';
import { alignmentOf, uncoded, type Coding } from './coding.js';
import { layOut, type OwnSubtree } from './lay-out.js';
import { routesOf, type Routes } from './routes.js';
import { Inbox } from './inbox.js';
import type { SegmentSum } from './segment-sum.js';
import { sharedParts } from './shared-places.js';
import { bytesOf } from '../format/safetensors.js';
import { invariant, StillhouseError } from '../error/errors.js';
import type { FrameHeader, MeshFrame } from './frames.js';
import type { SumMemory } from './sum-memory.js';
import { maximalSubtrees, type Span } from './tree.js';

export type OpHeader = Exclude<FrameHeader, { type: 'state' }>;

export interface Outgoing {
  /** Index of the member to send to. */
  readonly to: number;
  readonly frame: MeshFrame;
}

export interface CollectiveOptions {
  readonly generation: number;
  readonly ranks: number;
  /** Ranges of ranks of all members, by index; those of spares are empty. */
  readonly members: readonly Span[];
  /** Number of each member's host; by default each has its own. */
  readonly hosts?: readonly number[] | undefined;
  /** Index of this worker among the members. */
  readonly self: number;
  /** Where the sum over all ranks is written: the flat gradient. */
  readonly out: Float32Array;
  readonly memory: SumMemory;
  /** Number of the first operation. */
  readonly op: number;
  /** How many values each rank hands in; by default none. */
  readonly valueCount?: number;
  /** The numbers that travel in fewer bits; partial sums are rounded to them. By default there are none. */
  readonly coding?: Coding;
  /** Files with the sums of members that share memory with this one, and its own, by index; none by default. */
  readonly files?: ReadonlyMap<number, number> | undefined;
}

const isEmpty = (span: Span): boolean => span.hi === span.lo;
const nothing = new Uint8Array(0);

export class Collective {
  readonly #options: CollectiveOptions;
  readonly #routes: Routes;
  /** Files of members that share memory with this one, and its own. */
  readonly #files: ReadonlyMap<number, number>;
  readonly #chunks: Chunks;
  readonly #subtrees: readonly OwnSubtree[];
  /** Of the segments that this worker adds up: its own is the first. */
  readonly #sums: readonly SegmentSum[];
  /** A chunk's sums of right children, by height. */
  readonly #scratch: readonly Float32Array[];
  readonly #coder: CodedChunks;
  /** The finished sum as it is sent or received, as far as it is coded. */
  readonly #finished: Float32Array;
  readonly #spares: readonly number[];
  #op: number;
  #current: Inbox;
  #next: Inbox;
  /** Where this worker sums each of its own subtrees: buffers as long as the flat gradient. */
  readonly partials: readonly Float32Array[];
  /** Buffers as long as the flat gradient for sums of right children, by depth in the tree over this worker's ranks. */
  readonly rankScratch: readonly Float32Array[];

  constructor(options: CollectiveOptions) {
    const { coding = uncoded, files, members, memory, out, ranks, self } = options;
    const hosts = options.hosts ?? members.map((_, index) => index);
    this.#options = options;
    this.#op = options.op;
    this.#coder = new CodedChunks(memory, coding);
    this.#routes = routesOf({ ranks, members, hosts, self });
    // What lies in the memory of another host's member could not be handed on.
    this.#files = new Map([...(files ?? [])].filter(([member]) => hosts[member] === hosts[self]));
    const align = Math.max(memory.alignFloats, alignmentOf(coding.format));
    const chunkFloats = Math.max(memory.chunkFloats, align);
    const cut = { length: out.length, owners: members.length, align, chunkFloats, codedFloats: coding.count };
    this.#chunks = new Chunks(cut);
    this.#spares = members.flatMap((span, index) => (isEmpty(span) ? [index] : []));
    const isRemote = (member: number): boolean => member !== self && !this.#files.has(member);
    const laidOut = layOut({
      ...{ ranks, self, out, memory, isRemote, chunkFloats },
      own: maximalSubtrees(ranks, members[self]!),
      isAlone: members.length === 1,
      isSending: members.some((_, member) => isRemote(member)),
      routes: this.#routes,
      coder: this.#coder,
      chunks: this.#chunks,
    });
    this.#finished = laidOut.finished;
    this.#scratch = laidOut.scratch;
    this.#subtrees = laidOut.subtrees;
    this.#sums = laidOut.sums;
    this.partials = laidOut.subtrees.map(({ sum }) => sum);
    this.rankScratch = laidOut.rankScratch;
    const { segments } = this.#chunks;
    const about = { ranks, members, self, out, routes: this.#routes, segments, ...laidOut };
    for (const { buffer, part } of sharedParts(this.#files, about, memory.alignFloats)) memory.show!(buffer, part);
    this.#current = new Inbox(this.#sums, this.#chunks.count);
    this.#next = new Inbox(this.#sums, this.#chunks.count);
  }

  /** Number of the current operation. */
  get op(): number {
    return this.#op;
  }

  /** The subtrees that this worker can sum by itself, in the order of `partials`. */
  get ownSubtrees(): Span[] {
    return this.#subtrees.map(({ span }) => span);
  }

  /** This worker has arrived at the current operation; one without ranks lets the others know. */
  begin(): Outgoing[] {
    const { generation, self } = this.#options;
    if (this.#subtrees.length > 0) return [];
    this.#current.marks.add(self);
    const mark = this.#toOthers({ header: { type: 'mark', generation, op: this.#op, count: 0 }, data: nothing });
    return [...mark, ...this.#sumAll()];
  }

  /** Hands in one of `partials`. */
  contribute(index: number): Outgoing[] {
    const { members, self } = this.#options;
    const own = this.#subtrees[index]!;
    const outgoing: Outgoing[] = [];
    const owners = members.map((_, next) => (self + 1 + next) % members.length);
    const handlers = new Map(owners.map((owner) => [owner, this.#routes.handlerOf(owner)]));
    for (const [owner, to] of handlers) {
      const end = this.#chunks.bySegment[owner]!.length;
      if (this.#isShared(to) && end > 0) outgoing.push(this.#partialTo(to, { owner, first: 0, end }, own));
    }
    // One chunk to each after the other, so that all can begin to sum.
    for (let chunk = 0; chunk < this.#chunks.most; chunk++)
      for (const [owner, to] of handlers)
        if (to !== self && !this.#isShared(to) && chunk < this.#chunks.bySegment[owner]!.length)
          outgoing.push(this.#partialTo(to, { owner, first: chunk, end: chunk + 1 }, own));
    for (const [i, sum] of this.#sums.entries()) {
      const leaf = sum.leafOf(own.span)!;
      sum.chunks.forEach((_, chunk) => sum.arrive(this.#current.arrivals[i]!, leaf, chunk));
    }
    return [...outgoing, ...this.#sumAll()];
  }

  /** Hands in the values of this worker's ranks. */
  contributeValues(values: ReadonlyMap<number, Float64Array>): Outgoing[] {
    const { generation } = this.#options;
    const outgoing = this.begin();
    for (const [rank, data] of values) {
      this.#current.values.set(rank, data);
      const header = { type: 'values', generation, op: this.#op, rank, count: data.length } as const;
      outgoing.push(...this.#toOthers({ header, data: bytesOf(data) }));
    }
    return outgoing;
  }

  /**
   * Where the numbers of a frame belong that a peer begins to send; undefined if they change nothing: they have come
   * before, or belong to a finished operation.
   * @throws StillhouseError PROTOCOL_VIOLATION if this peer may not send it at this point
   */
  place(from: number, header: OpHeader): Uint8Array | undefined {
    const inbox = this.#inboxOf(from, header);
    if (!inbox) return undefined;
    switch (header.type) {
      case 'partial': {
        const { i, leaf, run } = this.#leafOf(from, header);
        const sum = this.#sums[i]!;
        // Of an evaluation there are no sums, and a peer may have all values before this worker has.
        if (inbox === this.#next && this.#isUnsummed(i, leaf, run)) this.#refuse(from, header, 'too early');
        if (this.#isShared(from)) return nothing;
        if (sum.isThere(inbox.arrivals[i]!, leaf, run.first)) return undefined;
        const chunk = sum.chunks[run.first]!;
        const { sum: numbers, first, coded } = sum.leaves[leaf]!;
        return (
          this.#coder.placeOf(coded, chunk, first) ?? bytesOf(numbers.subarray(chunk.lo - first, chunk.hi - first))
        );
      }
      case 'reduced': {
        const { owner, first } = this.#finishedRunOf(from, header);
        if (inbox !== this.#current) this.#refuse(from, header, 'too early');
        if (this.#isShared(from)) return nothing;
        if (inbox.isReduced(this.#chunks.numberOf(owner, first))) return undefined;
        const chunk = this.#chunkOf(owner, first);
        return this.#coder.placeOf(this.#finished, chunk) ?? bytesOf(this.#options.out.subarray(chunk.lo, chunk.hi));
      }
      case 'values':
        if (header.count !== (this.#options.valueCount ?? 0)) this.#refuse(from, header, `${header.count} values`);
        return inbox.values.has(header.rank) ? undefined : bytesOf(new Float64Array(header.count));
      case 'mark':
        return nothing;
    }
  }

  /**
   * A frame is complete: its numbers are where `place` wanted them.
   * @throws StillhouseError PROTOCOL_VIOLATION as `place`
   */
  receive(from: number, header: OpHeader, data: Uint8Array): Outgoing[] {
    const inbox = this.#inboxOf(from, header);
    if (!inbox) return [];
    switch (header.type) {
      case 'partial': {
        const { i, leaf, run } = this.#leafOf(from, header);
        const { sum, first } = this.#sums[i]!.leaves[leaf]!;
        for (let at = run.first; at < run.end; at++) {
          const { lo, hi } = this.#sums[i]!.chunks[at]!;
          if (this.#sums[i]!.arrive(inbox.arrivals[i]!, leaf, at) && !this.#isShared(from))
            this.#coder.decode({ lo, hi }, data, sum.subarray(lo - first, hi - first));
        }
        return inbox === this.#current ? this.#sumRun(i, run) : [];
      }
      case 'reduced': {
        const run = this.#finishedRunOf(from, header);
        let isNew = false;
        for (let at = run.first; at < run.end; at++) {
          const { lo, hi } = this.#chunkOf(run.owner, at);
          if (!inbox.reduce(this.#chunks.numberOf(run.owner, at))) continue;
          isNew = true;
          if (!this.#isShared(from)) this.#coder.decode({ lo, hi }, data, this.#options.out.subarray(lo, hi));
        }
        return isNew ? this.#handOn(run) : [];
      }
      case 'values':
        inbox.values.set(header.rank, new Float64Array(data.buffer, data.byteOffset, header.count));
        return [];
      case 'mark':
        inbox.marks.add(from);
        return inbox === this.#current ? this.#sumAll() : [];
    }
  }

  /** Whether the sum of all ranks in `out` is complete. */
  get gradientsWhole(): boolean {
    return this.#current.isWhole;
  }

  /** The values of all ranks in rank order, once they are complete. */
  get values(): Float64Array[] | undefined {
    const { values, marks } = this.#current;
    if (values.size < this.#options.ranks || marks.size < this.#spares.length) return undefined;
    return Array.from({ length: this.#options.ranks }, (_, rank) => values.get(rank)!);
  }

  /**
   * Indices of the members that have not contributed to the current operation, as far as this worker can know; a relay
   * in place of the members of its host.
   */
  waitingFor(what: 'gradients' | 'values'): number[] {
    const { members, self } = this.#options;
    const { arrivals, missing: unreduced, values, marks } = this.#current;
    const missing = new Set(this.#spares.filter((index) => !marks.has(index)));
    const owesValues = ({ lo, hi }: Span): boolean =>
      Array.from({ length: hi - lo }, (_, i) => lo + i).some((rank) => !values.has(rank));
    if (what === 'values') members.forEach((span, index) => owesValues(span) && missing.add(index));
    else {
      const partials = this.#sums.flatMap((sum, i) => sum.lackingFrom(arrivals[i]!));
      const owing = partials.some((member) => member !== self)
        ? partials
        : unreduced.map((chunk) => this.#routes.sourceOf(this.#chunks.ownerOf(chunk)!));
      for (const member of owing) missing.add(member);
    }
    missing.delete(self);
    return [...missing];
  }

  /** Ends the current operation and begins the next. */
  advance(): void {
    const finished = this.#current;
    this.#op += 1;
    this.#current = this.#next;
    this.#next = finished;
    finished.clear();
  }

  #toOthers(frame: MeshFrame): Outgoing[] {
    return this.#options.members.flatMap((_, to) => (to === this.#options.self ? [] : [{ to, frame }]));
  }

  /** Whether a member reads this worker's sums where they lie, and this worker its. */
  #isShared(member: number): boolean {
    return member !== this.#options.self && this.#files.has(member);
  }

  #chunkOf(owner: number, chunk: number): Span {
    return this.#chunks.bySegment[owner]![chunk]!;
  }

  #refuse(from: number, { type, op }: OpHeader, why: string): never {
    throw new StillhouseError('PROTOCOL_VIOLATION', `${type} of operation ${op} from member ${from}: ${why}`);
  }

  /** The operation's inbox, if the frame belongs to this generation and to no finished operation. */
  #inboxOf(from: number, header: OpHeader): Inbox | undefined {
    const { generation, members } = this.#options;
    const owned = members[from];
    invariant(owned, `a frame of member ${from} of ${members.length}`);
    if (header.generation !== generation || header.op < this.#op) return undefined;
    if (header.op > this.#op + 1) this.#refuse(from, header, `this worker is at operation ${this.#op}`);
    if (header.type === 'values' && (header.rank < owned.lo || header.rank >= owned.hi))
      this.#refuse(from, header, `rank ${header.rank} is not the sender’s`);
    if (header.type === 'mark' && !isEmpty(owned))
      this.#refuse(from, header, 'a member with ranks contributes instead');
    return header.op === this.#op ? this.#current : this.#next;
  }

  /** The chunks that a frame is about: one, or, of a member that shares memory, several of a segment. */
  #runOf(from: number, header: OpHeader & { type: 'partial' | 'reduced' }): Run {
    const run = this.#chunks.runOf(header.chunk, header.count);
    if (!run || (run.end !== run.first + 1 && !this.#isShared(from)))
      return this.#refuse(from, header, 'not a chunk of a segment');
    return run;
  }

  /** Whether this worker still needs what the current operation has brought of a leaf. */
  #isUnsummed(i: number, leaf: number, { first, end }: Run): boolean {
    const arrivals = this.#current.arrivals[i]!;
    for (let chunk = first; chunk < end; chunk++)
      if (this.#sums[i]!.isThere(arrivals, leaf, chunk) && !arrivals.summed[chunk]) return true;
    return false;
  }

  #finishedRunOf(from: number, header: OpHeader & { type: 'reduced' }): Run {
    const run = this.#runOf(from, header);
    if (this.#routes.sourceOf(run.owner) !== from) this.#refuse(from, header, 'a segment that is not the sender’s');
    return run;
  }

  /** The leaf of one of `#sums` that a partial sum is. */
  #leafOf(from: number, header: OpHeader & { type: 'partial' }): { i: number; leaf: number; run: Run } {
    const run = this.#runOf(from, header);
    const i = this.#routes.handled.indexOf(run.owner);
    const leaf = this.#sums[i]?.leafOf(header.span);
    if (leaf === undefined || this.#sums[i]!.leaves[leaf]!.member !== from)
      return this.#refuse(from, header, `subtree ${header.span.lo}-${header.span.hi} is not the sender’s`);
    return { i, leaf, run };
  }

  #headerOf(run: Run): { generation: number; op: number; chunk: number; count: number } {
    return {
      generation: this.#options.generation,
      op: this.#op,
      chunk: this.#chunks.numberOf(run.owner, run.first),
      count: this.#chunks.floatsOf(run),
    };
  }

  #partialTo(to: number, run: Run, { span, sum, coded }: OwnSubtree): Outgoing {
    const header = { type: 'partial', span, ...this.#headerOf(run) } as const;
    if (this.#isShared(to)) return { to, frame: { header, data: nothing } };
    const chunk = this.#chunkOf(run.owner, run.first);
    const data = this.#coder.encoded(sum.subarray(chunk.lo, chunk.hi), this.#coder.placeOf(coded, chunk));
    return { to, frame: { header, data } };
  }

  #sumAll(): Outgoing[] {
    const [own, ...relayed] = this.#sums.entries();
    const outgoing: Outgoing[] = [];
    for (let chunk = 0; chunk < this.#chunks.most; chunk++)
      for (const [i, { owner, chunks }] of relayed)
        if (chunk < chunks.length) outgoing.push(...this.#sumRun(i, { owner, first: chunk, end: chunk + 1 }));
    const [i, { owner, chunks }] = own!;
    return [...outgoing, ...this.#sumRun(i, { owner, first: 0, end: chunks.length })];
  }

  /** Adds up those chunks of a segment of which everything is there, and sends the sums to where they are needed. */
  #sumRun(i: number, { owner, first, end }: Run): Outgoing[] {
    const isOwn = owner === this.#options.self;
    const { lacking, summed } = this.#current.arrivals[i]!;
    const outgoing: Outgoing[] = [];
    if (isOwn && this.#current.marks.size < this.#spares.length) return outgoing;
    let begun: number | undefined;
    // Members that share memory hear of chunks that follow each other in one frame.
    const close = (at: number): void => {
      if (isOwn && begun !== undefined) outgoing.push(...this.#tellShared({ owner, first: begun, end: at }));
      begun = undefined;
    };
    for (let chunk = first; chunk < end; chunk++) {
      if (lacking[chunk]! > 0 || summed[chunk]) {
        close(chunk);
        continue;
      }
      begun ??= chunk;
      summed[chunk] = 1;
      outgoing.push(...this.#sumChunk(i, chunk));
    }
    close(end);
    return outgoing;
  }

  #sumChunk(i: number, at: number): Outgoing[] {
    const { memory, out, self } = this.#options;
    const sum = this.#sums[i]!;
    const { owner } = sum;
    const run = { owner, first: at, end: at + 1 };
    const chunk = sum.chunks[at]!;
    const sums = sum.sum(at, this.#scratch, (of, { left, right, target }) => {
      memory.add(left, right, target);
      this.#coder.round(of, target);
    });
    if (owner !== self)
      return sums.map(({ root, sum: numbers }) => {
        const header = { type: 'partial', span: root.span, ...this.#headerOf(run) } as const;
        const data = this.#coder.encoded(numbers, this.#coder.placeOf(root.coded, chunk, root.first));
        return { to: owner, frame: { header, data } };
      });
    const target = out.subarray(chunk.lo, chunk.hi);
    const [{ sum: whole }] = sums as [(typeof sums)[number]];
    if (whole.byteOffset !== target.byteOffset || whole.buffer !== target.buffer) target.set(whole);
    this.#current.reduce(this.#chunks.numberOf(self, at));
    const remote = this.#routes.receiversOf(self).filter((to) => !this.#isShared(to));
    if (remote.length === 0) return [];
    const data = this.#coder.encoded(target, this.#coder.placeOf(this.#finished, chunk));
    return this.#tell(remote, run, data);
  }

  /** Hands on a finished segment of another host's member. */
  #handOn(run: Run): Outgoing[] {
    const receivers = this.#routes.receiversOf(run.owner);
    if (receivers.length === 0) return [];
    const { lo, hi } = this.#chunkOf(run.owner, run.first);
    const data = this.#coder.placeOf(this.#finished, { lo, hi }) ?? bytesOf(this.#options.out.subarray(lo, hi));
    const remote = receivers.filter((to) => !this.#isShared(to));
    return [...this.#tell(remote, run, data), ...this.#tellShared(run)];
  }

  #tell(receivers: readonly number[], run: Run, data: Uint8Array): Outgoing[] {
    const header = { type: 'reduced', ...this.#headerOf(run) } as const;
    return receivers.map((to) => ({ to, frame: { header, data } }));
  }

  #tellShared(run: Run): Outgoing[] {
    const shared = this.#routes.receiversOf(run.owner).filter((to) => this.#isShared(to));
    return this.#tell(shared, run, nothing);
  }
}
