// Direct reduce-scatter then all-gather over the fixed reduction tree, and an all-gather of small values per rank.
// No I/O: each call returns the frames to send. Operations are numbered; a peer is at most one ahead (proof in docs/protocol.md).
import { segmentsOf } from '../assignment.js';
import { invariant, StillhouseError } from '../errors.js';
import { finishTree, maximalSubtrees, spanKey, type Span } from '../tree.js';
import type { MeshFrame } from './frames.js';

export interface Outgoing {
  /** Index of the member to send to. */
  readonly to: number;
  readonly frame: MeshFrame;
}

/** What has arrived for one operation. */
interface Inbox {
  readonly partials: Map<string, Float32Array>;
  readonly segments: Set<number>;
  readonly values: Map<number, Float64Array>;
}

const emptyInbox = (): Inbox => ({ partials: new Map(), segments: new Set(), values: new Map() });

export interface CollectiveOptions {
  readonly generation: number;
  readonly ranks: number;
  /** Runs of ranks of all members, in the order of their indices. */
  readonly members: readonly Span[];
  /** Index of this worker among the members. */
  readonly self: number;
  /** Where the sum over all ranks is put: the flat gradient. */
  readonly out: Float32Array;
}

export class Collective {
  readonly #options: CollectiveOptions;
  readonly #segments: Span[];
  readonly #subtrees: Map<string, number>;
  #op = 0;
  #current = emptyInbox();
  #next = emptyInbox();

  constructor(options: CollectiveOptions) {
    this.#options = options;
    this.#segments = segmentsOf(options.out.length, options.members.length);
    this.#subtrees = new Map(options.members.flatMap((owned, index) => maximalSubtrees(options.ranks, owned).map((span) => [spanKey(span), index] as const)));
  }

  /** Number of the operation under way. */
  get op(): number {
    return this.#op;
  }

  /** The subtrees that this worker sums by itself. */
  get ownSubtrees(): Span[] {
    return maximalSubtrees(this.#options.ranks, this.#options.members[this.#options.self]);
  }

  /** Hands in this worker's partial sums, one per own subtree, each as long as the flat gradient. */
  contributePartials(partials: readonly Float32Array[]): Outgoing[] {
    const { generation, self } = this.#options;
    const spans = this.ownSubtrees;
    invariant(partials.length === spans.length, `${partials.length} partial sums for ${spans.length} subtrees`);
    const outgoing: Outgoing[] = [];
    this.#segments.forEach((segment, owner) => {
      if (segment.hi === segment.lo) return;
      spans.forEach((span, i) => {
        const data = partials[i].subarray(segment.lo, segment.hi);
        if (owner === self) this.#current.partials.set(spanKey(span), data);
        else outgoing.push({ to: owner, frame: { kind: 'partial', generation, op: this.#op, segment: owner, span, data } });
      });
    });
    return [...outgoing, ...this.#reduceIfWhole()];
  }

  /** Hands in the values of this worker's ranks. */
  contributeValues(values: ReadonlyMap<number, Float64Array>): Outgoing[] {
    const { generation, self, members } = this.#options;
    const outgoing: Outgoing[] = [];
    for (const [rank, data] of values) {
      this.#current.values.set(rank, data);
      members.forEach((_, to) => {
        if (to !== self) outgoing.push({ to, frame: { kind: 'values', generation, op: this.#op, rank, data } });
      });
    }
    return outgoing;
  }

  /**
   * Takes a peer's frame.
   * @throws StillhouseError PROTOCOL_VIOLATION if it is not one that this peer may send now
   */
  receive(from: number, frame: MeshFrame): Outgoing[] {
    const { generation, members, self, out } = this.#options;
    const refuse = (why: string): never => {
      throw new StillhouseError('PROTOCOL_VIOLATION', `${frame.kind} of operation ${frame.op} from member ${from}: ${why}`);
    };
    if (frame.generation !== generation) return [];
    if (frame.op !== this.#op && frame.op !== this.#op + 1) refuse(`this worker is at operation ${this.#op}`);
    const inbox = frame.op === this.#op ? this.#current : this.#next;
    switch (frame.kind) {
      case 'partial': {
        const key = spanKey(frame.span);
        const mine = this.#segments[self];
        if (frame.segment !== self || frame.data.length !== mine.hi - mine.lo) refuse('not this worker’s segment');
        if (this.#subtrees.get(key) !== from) refuse(`subtree ${key} is not the sender’s`);
        if (inbox.partials.has(key)) refuse(`subtree ${key} came twice`);
        inbox.partials.set(key, frame.data);
        return inbox === this.#current ? this.#reduceIfWhole() : [];
      }
      case 'reduced': {
        const segment = this.#segments[from];
        if (frame.segment !== from || frame.data.length !== segment.hi - segment.lo) refuse('not the sender’s segment');
        if (inbox !== this.#current || inbox.segments.has(from)) refuse('too early, or twice');
        out.set(frame.data, segment.lo);
        inbox.segments.add(from);
        return [];
      }
      case 'values': {
        const owned = members[from];
        if (frame.rank < owned.lo || frame.rank >= owned.hi) refuse(`rank ${frame.rank} is not the sender’s`);
        if (inbox.values.has(frame.rank)) refuse(`rank ${frame.rank} came twice`);
        inbox.values.set(frame.rank, frame.data);
        return [];
      }
    }
  }

  /** Whether the sum of all ranks is whole in `out`. */
  get gradientsWhole(): boolean {
    return this.#segments.every((segment, owner) => segment.hi === segment.lo || this.#current.segments.has(owner));
  }

  /** The values of all ranks in rank order, once they are whole. */
  get values(): Float64Array[] | undefined {
    if (this.#current.values.size < this.#options.ranks) return undefined;
    return Array.from({ length: this.#options.ranks }, (_, rank) => this.#current.values.get(rank)!);
  }

  /** Ends the operation under way and begins the next. */
  advance(): void {
    this.#op += 1;
    this.#current = this.#next;
    this.#next = emptyInbox();
  }

  #reduceIfWhole(): Outgoing[] {
    const { generation, ranks, members, self, out } = this.#options;
    const mine = this.#segments[self];
    if (mine.hi === mine.lo || this.#current.segments.has(self) || this.#current.partials.size < this.#subtrees.size) return [];
    const data = out.subarray(mine.lo, mine.hi);
    finishTree(ranks, (span) => this.#current.partials.get(spanKey(span)), data);
    this.#current.segments.add(self);
    this.#current.partials.clear();
    return members.flatMap((_, to) => (to === self ? [] : [{ to, frame: { kind: 'reduced', generation, op: this.#op, segment: self, data } as const }]));
  }
}
