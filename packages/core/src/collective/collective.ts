// Direct reduce-scatter and all-gather over the fixed reduction tree, in chunks, and an all-gather of small values per
// rank. No I/O: each call returns the frames to send, and `place` says where the numbers of an arriving frame belong.
// Members of one host read each other's sums where they lie, so frames between them carry no numbers.
// Operations are numbered; a peer is at most one ahead (proof in docs/protocol.md).
import { chunksOf, segmentsOf } from './assignment.js';
import { sharedPlaces } from './shared-places.js';
import { bytesOf } from '../format/safetensors.js';
import { invariant, StillhouseError } from '../error/errors.js';
import { limits } from '../error/limits.js';
import type { FrameHeader, MeshFrame } from './frames.js';
import type { SharedPart, SumMemory } from './sum-memory.js';
import { maximalSubtrees, midOf, spanKey, treeHeight, type Span } from './tree.js';

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
  /** Index of this worker among the members. */
  readonly self: number;
  /** Where the sum over all ranks is written: the flat gradient. */
  readonly out: Float32Array;
  readonly memory: SumMemory;
  /** Number of the first operation. */
  readonly op: number;
  /** Files with the sums of members that share memory with this one, and its own, by index; none by default. */
  readonly files?: ReadonlyMap<number, number> | undefined;
}

/** A maximal subtree of a member's ranks: a leaf of the part of the tree that owners of segments sum. */
interface Subtree {
  readonly span: Span;
  readonly member: number;
  /** Its sum: of the whole buffer if it is this worker's, and else of this worker's segment, from `first` on. */
  readonly sum: Float32Array;
  readonly first: number;
}

/** The tree above those subtrees. */
type Node = number | { readonly left: Node; readonly right: Node; readonly height: number };

/** What has arrived for one operation. */
interface Inbox {
  /** By subtree and chunk of this worker's segment, 1 if it is there; and how many each chunk still lacks. */
  readonly partials: Uint8Array;
  readonly lacking: Uint32Array;
  /** By segment and chunk, 1 if the sum is there; and how many are not. */
  readonly reduced: Uint8Array;
  unreduced: number;
  readonly values: Map<number, Float64Array>;
  /** Members without ranks that have reached the operation. */
  readonly marks: Set<number>;
}

const isEmpty = (span: Span): boolean => span.hi === span.lo;
const nothing = new Uint8Array(0);

export class Collective {
  readonly #options: CollectiveOptions;
  /** The ranks of this worker. */
  readonly #owned: Span;
  /** The chunks of the segment that each member owns. */
  readonly #chunks: readonly (readonly Span[])[];
  /** Number of the first chunk of each segment. */
  readonly #firstChunk: readonly number[];
  readonly #subtrees: readonly Subtree[];
  readonly #byKey: ReadonlyMap<string, number>;
  readonly #root: Node;
  /** A chunk's sums of right children, by height. */
  readonly #scratch: readonly Float32Array[];
  readonly #spares: readonly number[];
  #op: number;
  #current: Inbox;
  #next: Inbox;
  /** Where this worker sums each of its own subtrees: buffers as long as the flat gradient. */
  readonly partials: readonly Float32Array[];
  /** Buffers as long as the flat gradient for sums of right children, by depth in the tree over this worker's ranks. */
  readonly rankScratch: readonly Float32Array[];

  constructor(options: CollectiveOptions) {
    const { members, memory, out, ranks, self } = options;
    const { alignFloats, chunkFloats } = memory;
    this.#options = options;
    this.#op = options.op;
    const segments = segmentsOf(out.length, { owners: members.length, align: alignFloats });
    const [owned, mine] = [members[self], segments[self]];
    invariant(owned && mine, `member ${self} of ${members.length}`);
    this.#owned = owned;
    this.#chunks = segments.map((segment) => chunksOf(segment, chunkFloats));
    let chunks = 0;
    this.#firstChunk = this.#chunks.map(({ length }) => (chunks += length) - length);
    this.#spares = members.flatMap((span, index) => (isEmpty(span) ? [index] : []));
    const spans = members
      .flatMap((span, member) => maximalSubtrees(ranks, span).map((subtree) => ({ span: subtree, member })))
      .toSorted((a, b) => a.span.lo - b.span.lo);
    const own = spans.filter(({ member }) => member === self);
    // A worker without peers already has the sum of all.
    const isAlone = members.length === 1;
    const depth = Math.max(0, ...own.map(({ span }) => treeHeight(span.hi - span.lo)));
    const heights = Math.max(0, treeHeight(ranks));
    const foreign = spans.length - own.length;
    const buffers = memory.allocate([
      ...Array<number>(depth + (isAlone ? 0 : own.length)).fill(out.length),
      ...Array<number>(foreign).fill(mine.hi - mine.lo),
      ...Array<number>(isAlone ? 0 : heights).fill(Math.min(chunkFloats, mine.hi - mine.lo)),
    ]);
    this.rankScratch = buffers.splice(0, depth);
    this.partials = isAlone ? [out] : buffers.splice(0, own.length);
    const received = buffers.splice(0, foreign);
    this.#scratch = buffers;
    let [ownAt, foreignAt] = [0, 0];
    this.#subtrees = spans.map(({ span, member }) =>
      member === self
        ? { span, member, sum: this.partials[ownAt++]!, first: 0 }
        : { span, member, sum: received[foreignAt++]!, first: mine.lo },
    );
    this.#byKey = new Map(this.#subtrees.map(({ span }, index) => [spanKey(span), index]));
    this.#root = this.#nodeOf({ lo: 0, hi: ranks });
    for (const { buffer, part } of this.#sharedParts(segments)) memory.show!(buffer, part);
    this.#current = this.#emptyInbox();
    this.#next = this.#emptyInbox();
  }

  /** Number of the current operation. */
  get op(): number {
    return this.#op;
  }

  /** The subtrees that this worker can sum by itself, in the order of `partials`. */
  get ownSubtrees(): Span[] {
    return maximalSubtrees(this.#options.ranks, this.#owned);
  }

  /** This worker has arrived at the current operation; one without ranks lets the others know. */
  begin(): Outgoing[] {
    if (!isEmpty(this.#owned)) return [];
    const { generation, self } = this.#options;
    this.#current.marks.add(self);
    const mark = this.#toOthers({ header: { type: 'mark', generation, op: this.#op, count: 0 }, data: nothing });
    return [...mark, ...this.#reduceAll()];
  }

  /** Hands in one of `partials`. */
  contribute(index: number): Outgoing[] {
    const { generation, members, self } = this.#options;
    const own = this.#subtrees.findIndex(({ sum }) => sum === this.partials[index]);
    const { span, sum } = this.#subtrees[own]!;
    const outgoing: Outgoing[] = [];
    const most = Math.max(...this.#chunks.map(({ length }) => length));
    // One chunk to each owner after the other, so that all can begin to sum.
    for (let chunk = 0; chunk < most; chunk++)
      for (let next = 1; next < members.length; next++) {
        const to = (self + next) % members.length;
        const part = this.#chunks[to]![chunk];
        if (!part) continue;
        const header = { type: 'partial', generation, op: this.#op, chunk, span, count: part.hi - part.lo } as const;
        outgoing.push(this.#frameTo(to, header, sum.subarray(part.lo, part.hi)));
      }
    this.#chunks[self]!.forEach((_, chunk) => this.#arrive(this.#current, own, chunk));
    return [...outgoing, ...this.#reduceAll()];
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
    const { out, self } = this.#options;
    switch (header.type) {
      case 'partial': {
        const subtree = this.#subtreeOf(from, header);
        const { sum, first } = this.#subtrees[subtree]!;
        const { lo, hi } = this.#chunkOf(self, from, header);
        if (inbox === this.#next && this.#hasUnreduced(self)) this.#refuse(from, header, 'too early');
        if (inbox.partials[subtree * this.#chunks[self]!.length + header.chunk]) return undefined;
        return this.#isShared(from) ? nothing : bytesOf(sum.subarray(lo - first, hi - first));
      }
      case 'reduced': {
        const { lo, hi } = this.#chunkOf(from, from, header);
        if (inbox !== this.#current) this.#refuse(from, header, 'too early');
        if (inbox.reduced[this.#firstChunk[from]! + header.chunk]) return undefined;
        return this.#isShared(from) ? nothing : bytesOf(out.subarray(lo, hi));
      }
      case 'values':
        if (header.count > limits.valueCount) this.#refuse(from, header, `${header.count} values`);
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
      case 'partial':
        this.#arrive(inbox, this.#subtreeOf(from, header), header.chunk);
        return inbox === this.#current ? this.#reduce(header.chunk) : [];
      case 'reduced':
        this.#finish(inbox, from, header.chunk);
        return [];
      case 'values':
        inbox.values.set(header.rank, new Float64Array(data.buffer, data.byteOffset, header.count));
        return [];
      case 'mark':
        inbox.marks.add(from);
        return inbox === this.#current ? this.#reduceAll() : [];
    }
  }

  /** Whether the sum of all ranks in `out` is complete. */
  get gradientsWhole(): boolean {
    return this.#current.unreduced === 0;
  }

  /** The values of all ranks in rank order, once they are complete. */
  get values(): Float64Array[] | undefined {
    const { values, marks } = this.#current;
    if (values.size < this.#options.ranks || marks.size < this.#spares.length) return undefined;
    return Array.from({ length: this.#options.ranks }, (_, rank) => values.get(rank)!);
  }

  /** Indices of the members that have not contributed to the current operation, as far as this worker can know. */
  waitingFor(what: 'gradients' | 'values'): number[] {
    const { members, self } = this.#options;
    const { partials, reduced, values, marks } = this.#current;
    const missing = new Set(this.#spares.filter((index) => !marks.has(index)));
    const chunks = this.#chunks[self]!.length;
    const owesPartial = (index: number): boolean =>
      this.#subtrees.some(
        ({ member }, subtree) =>
          member === index && partials.subarray(subtree * chunks, (subtree + 1) * chunks).includes(0),
      );
    const owes = (index: number, { lo, hi }: Span): boolean => {
      if (what === 'values') return Array.from({ length: hi - lo }, (_, i) => lo + i).some((rank) => !values.has(rank));
      if (this.#hasUnreduced(self)) return owesPartial(index);
      const first = this.#firstChunk[index]!;
      return reduced.subarray(first, first + this.#chunks[index]!.length).includes(0);
    };
    members.forEach((span, index) => owes(index, span) && missing.add(index));
    missing.delete(self);
    return [...missing];
  }

  /** Ends the current operation and begins the next. */
  advance(): void {
    const finished = this.#current;
    this.#op += 1;
    this.#current = this.#next;
    this.#next = this.#clear(finished);
  }

  #others(): number[] {
    return this.#options.members.flatMap((_, index) => (index === this.#options.self ? [] : [index]));
  }

  #toOthers(frame: MeshFrame): Outgoing[] {
    return this.#others().map((to) => ({ to, frame }));
  }

  /** Whether a member reads this worker's sums where they lie, and this worker its. */
  #isShared(member: number): boolean {
    return this.#options.files?.has(member) ?? false;
  }

  #frameTo(to: number, header: OpHeader, numbers: Float32Array): Outgoing {
    return { to, frame: { header, data: this.#isShared(to) ? nothing : bytesOf(numbers) } };
  }

  /** The buffers whose numbers lie in the files of this host's members. */
  *#sharedParts(segments: readonly Span[]): Iterable<{ buffer: Float32Array; part: SharedPart }> {
    const { files = [], memory, members, out, ranks, self } = this.#options;
    for (const [member, file] of files) {
      const isOwn = member === self;
      const places = sharedPlaces(segments[member]!, { floats: out.length, align: memory.alignFloats });
      const { lo, hi } = segments[member]!;
      if (hi > lo) yield { buffer: out.subarray(lo, hi), part: { file, isOwn, offset: places.segment } };
      for (const [index, span] of maximalSubtrees(ranks, members[member]!).entries()) {
        const { sum, first } = this.#subtrees[this.#byKey.get(spanKey(span))!]!;
        if (sum.length > 0) yield { buffer: sum, part: { file, isOwn, offset: places.partial(index) + 4 * first } };
      }
    }
  }

  #emptyInbox(): Inbox {
    const own = this.#chunks[this.#options.self]!.length;
    const all = this.#chunks.reduce((sum, { length }) => sum + length, 0);
    return this.#clear({
      partials: new Uint8Array(this.#subtrees.length * own),
      lacking: new Uint32Array(own),
      reduced: new Uint8Array(all),
      unreduced: all,
      values: new Map(),
      marks: new Set(),
    });
  }

  #clear(inbox: Inbox): Inbox {
    inbox.partials.fill(0);
    inbox.lacking.fill(this.#subtrees.length);
    inbox.reduced.fill(0);
    inbox.unreduced = inbox.reduced.length;
    inbox.values.clear();
    inbox.marks.clear();
    return inbox;
  }

  #nodeOf(span: Span): Node {
    const known = this.#byKey.get(spanKey(span));
    if (known !== undefined) return known;
    invariant(span.hi - span.lo > 1, `rank ${span.lo} belongs to a member`);
    const mid = midOf(span);
    return {
      left: this.#nodeOf({ lo: span.lo, hi: mid }),
      right: this.#nodeOf({ lo: mid, hi: span.hi }),
      height: treeHeight(span.hi - span.lo),
    };
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

  #subtreeOf(from: number, header: OpHeader & { type: 'partial' }): number {
    const key = spanKey(header.span);
    const subtree = this.#byKey.get(key);
    if (subtree === undefined || this.#subtrees[subtree]!.member !== from)
      return this.#refuse(from, header, `subtree ${key} is not the sender’s`);
    return subtree;
  }

  #chunkOf(owner: number, from: number, header: OpHeader & { type: 'partial' | 'reduced' }): Span {
    const chunk = this.#chunks[owner]![header.chunk];
    if (!chunk || chunk.hi - chunk.lo !== header.count) return this.#refuse(from, header, 'not a chunk of the segment');
    return chunk;
  }

  #hasUnreduced(owner: number): boolean {
    const first = this.#firstChunk[owner]!;
    return this.#current.reduced.subarray(first, first + this.#chunks[owner]!.length).includes(0);
  }

  #arrive(inbox: Inbox, subtree: number, chunk: number): void {
    const at = subtree * inbox.lacking.length + chunk;
    if (inbox.partials[at]) return;
    inbox.partials[at] = 1;
    inbox.lacking[chunk]! -= 1;
  }

  #finish(inbox: Inbox, owner: number, chunk: number): void {
    const at = this.#firstChunk[owner]! + chunk;
    if (inbox.reduced[at]) return;
    inbox.reduced[at] = 1;
    inbox.unreduced -= 1;
  }

  #reduceAll(): Outgoing[] {
    return this.#chunks[this.#options.self]!.flatMap((_, chunk) => this.#reduce(chunk));
  }

  /** Finishes the tree over a chunk of this worker's segment, if all partial sums and all marks are there. */
  #reduce(chunk: number): Outgoing[] {
    const { generation, out, self } = this.#options;
    const { lacking, marks, reduced } = this.#current;
    if (lacking[chunk]! > 0 || marks.size < this.#spares.length) return [];
    if (reduced[this.#firstChunk[self]! + chunk]) return [];
    const { lo, hi } = this.#chunks[self]![chunk]!;
    const target = out.subarray(lo, hi);
    const sum = this.#sumOf(this.#root, { lo, hi }, target);
    if (sum.byteOffset !== target.byteOffset || sum.buffer !== target.buffer) target.set(sum);
    this.#finish(this.#current, self, chunk);
    const header = { type: 'reduced', generation, op: this.#op, chunk, count: hi - lo } as const;
    return this.#others().map((to) => this.#frameTo(to, header, target));
  }

  /** A node's sum of the chunk: where it lies, or in `target`. */
  #sumOf(node: Node, chunk: Span, target: Float32Array): Float32Array {
    if (typeof node === 'number') {
      const { sum, first } = this.#subtrees[node]!;
      return sum.subarray(chunk.lo - first, chunk.hi - first);
    }
    const left = this.#sumOf(node.left, chunk, target);
    const right = this.#sumOf(node.right, chunk, this.#scratch[node.height - 1]!.subarray(0, target.length));
    this.#options.memory.add(left, right, target);
    return target;
  }
}
