// Direct reduce-scatter then all-gather over the fixed reduction tree, and an all-gather of small values per rank. No
// I/O: each call returns the frames to send. Operations are numbered; a peer is at most one ahead (proof in
// docs/protocol.md).
import { segmentsOf } from './assignment.js';
import { invariant, StillhouseError } from '../error/errors.js';
import { finishTree, maximalSubtrees, spanKey, type Span } from './tree.js';
import type { MeshFrame } from './frames.js';

export type OpFrame = Exclude<MeshFrame, { type: 'state' }>;

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
  /** Members without ranks that have reached the operation. */
  readonly marks: Set<number>;
}

const emptyInbox = (): Inbox => ({ partials: new Map(), segments: new Set(), values: new Map(), marks: new Set() });

const isEmpty = (span: Span): boolean => span.hi === span.lo;

export interface CollectiveOptions {
  readonly generation: number;
  readonly ranks: number;
  /** Ranges of ranks of all members, by index; those of spares are empty. */
  readonly members: readonly Span[];
  /** Index of this worker among the members. */
  readonly self: number;
  /** Where the sum over all ranks is written: the flat gradient. */
  readonly out: Float32Array;
  /** Number of the first operation. */
  readonly op: number;
}

export class Collective {
  readonly #options: CollectiveOptions;
  /** The ranks of this worker. */
  readonly #owned: Span;
  /** The segment of the flat gradient that each member owns, and the one of this worker. */
  readonly #segments: Span[];
  readonly #mine: Span;
  readonly #subtrees: Map<string, number>;
  readonly #spares: number[];
  #op: number;
  #current = emptyInbox();
  #next = emptyInbox();

  constructor(options: CollectiveOptions) {
    this.#options = options;
    this.#op = options.op;
    this.#segments = segmentsOf(options.out.length, options.members.length);
    const [owned, mine] = [options.members[options.self], this.#segments[options.self]];
    invariant(owned && mine, `member ${options.self} of ${options.members.length}`);
    this.#owned = owned;
    this.#mine = mine;
    this.#subtrees = new Map(
      options.members.flatMap((owned, index) =>
        maximalSubtrees(options.ranks, owned).map((span) => [spanKey(span), index] as const),
      ),
    );
    this.#spares = options.members.flatMap((owned, index) => (isEmpty(owned) ? [index] : []));
  }

  /** Number of the current operation. */
  get op(): number {
    return this.#op;
  }

  /** The subtrees that this worker can sum by itself. */
  get ownSubtrees(): Span[] {
    return maximalSubtrees(this.#options.ranks, this.#owned);
  }

  /** Hands in this worker's partial sums, one per own subtree, each as long as the flat gradient. */
  contributePartials(partials: readonly Float32Array[]): Outgoing[] {
    const { generation, self } = this.#options;
    const spans = this.ownSubtrees;
    invariant(partials.length === spans.length, `${partials.length} partial sums for ${spans.length} subtrees`);
    const outgoing: Outgoing[] = this.#mark();
    this.#segments.forEach((segment, owner) => {
      if (isEmpty(segment)) return;
      spans.forEach((span, i) => {
        const data = partials[i]!.subarray(segment.lo, segment.hi);
        if (owner === self) this.#current.partials.set(spanKey(span), data);
        else
          outgoing.push({
            to: owner,
            frame: { type: 'partial', generation, op: this.#op, segment: owner, span, data },
          });
      });
    });
    return [...outgoing, ...this.#reduceIfWhole()];
  }

  /** Hands in the values of this worker's ranks. */
  contributeValues(values: ReadonlyMap<number, Float64Array>): Outgoing[] {
    const { generation } = this.#options;
    const outgoing: Outgoing[] = this.#mark();
    for (const [rank, data] of values) {
      this.#current.values.set(rank, data);
      outgoing.push(...this.#toOthers({ type: 'values', generation, op: this.#op, rank, data }));
    }
    return outgoing;
  }

  /**
   * Takes a peer's frame. A frame that came before, or that belongs to a finished operation, changes nothing.
   * @throws StillhouseError PROTOCOL_VIOLATION if this peer may not send it at this point
   */
  receive(from: number, frame: OpFrame): Outgoing[] {
    const { generation, members, self, out } = this.#options;
    const [owned, segment] = [members[from], this.#segments[from]];
    invariant(owned && segment, `a frame of member ${from} of ${members.length}`);
    const refuse = (why: string): never => {
      throw new StillhouseError(
        'PROTOCOL_VIOLATION',
        `${frame.type} of operation ${frame.op} from member ${from}: ${why}`,
      );
    };
    if (frame.generation !== generation || frame.op < this.#op) return [];
    if (frame.op > this.#op + 1) refuse(`this worker is at operation ${this.#op}`);
    const inbox = frame.op === this.#op ? this.#current : this.#next;
    switch (frame.type) {
      case 'partial': {
        const key = spanKey(frame.span);
        if (frame.segment !== self || frame.data.length !== this.#mine.hi - this.#mine.lo)
          refuse('not this worker’s segment');
        if (this.#subtrees.get(key) !== from) refuse(`subtree ${key} is not the sender’s`);
        if (inbox.partials.has(key) || inbox.segments.has(self)) return [];
        inbox.partials.set(key, frame.data);
        break;
      }
      case 'reduced': {
        if (frame.segment !== from || frame.data.length !== segment.hi - segment.lo) refuse('not the sender’s segment');
        if (inbox !== this.#current) refuse('too early');
        if (inbox.segments.has(from)) return [];
        out.set(frame.data, segment.lo);
        inbox.segments.add(from);
        break;
      }
      case 'values':
        if (frame.rank < owned.lo || frame.rank >= owned.hi) refuse(`rank ${frame.rank} is not the sender’s`);
        inbox.values.set(frame.rank, frame.data);
        break;
      case 'mark':
        if (!isEmpty(owned)) refuse('a member with ranks contributes instead');
        inbox.marks.add(from);
    }
    return inbox === this.#current ? this.#reduceIfWhole() : [];
  }

  /** Whether the sum of all ranks in `out` is complete. */
  get gradientsWhole(): boolean {
    return this.#segments.every((segment, owner) => isEmpty(segment) || this.#current.segments.has(owner));
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
    const { partials, segments, values, marks } = this.#current;
    const missing = new Set(this.#spares.filter((index) => !marks.has(index)));
    const owes = (index: number, { lo, hi }: Span, segment: Span): boolean => {
      if (what === 'values') return Array.from({ length: hi - lo }, (_, i) => lo + i).some((rank) => !values.has(rank));
      if (!isEmpty(this.#mine) && !segments.has(self))
        return [...this.#subtrees].some(([key, owner]) => owner === index && !partials.has(key));
      return !isEmpty(segment) && !segments.has(index);
    };
    members.forEach((owned, index) => owes(index, owned, this.#segments[index]!) && missing.add(index));
    missing.delete(self);
    return [...missing];
  }

  /** Ends the current operation and begins the next. */
  advance(): void {
    this.#op += 1;
    this.#current = this.#next;
    this.#next = emptyInbox();
  }

  #toOthers(frame: OpFrame): Outgoing[] {
    return this.#options.members.flatMap((_, to) => (to === this.#options.self ? [] : [{ to, frame }]));
  }

  /** A member without ranks only marks that it has reached the operation. */
  #mark(): Outgoing[] {
    const { generation, self } = this.#options;
    if (!isEmpty(this.#owned)) return [];
    this.#current.marks.add(self);
    return this.#toOthers({ type: 'mark', generation, op: this.#op });
  }

  #reduceIfWhole(): Outgoing[] {
    const { generation, ranks, self, out } = this.#options;
    const { partials, segments, marks } = this.#current;
    const mine = this.#mine;
    if (isEmpty(mine) || segments.has(self) || partials.size < this.#subtrees.size || marks.size < this.#spares.length)
      return [];
    const data = out.subarray(mine.lo, mine.hi);
    finishTree(ranks, (span) => partials.get(spanKey(span)), data);
    segments.add(self);
    partials.clear();
    return this.#toOthers({ type: 'reduced', generation, op: this.#op, segment: self, data });
  }
}
