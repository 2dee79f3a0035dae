// What one all-reduce of a cluster costs: the real collective in every simulated worker, over a network and threads
// that take virtual time. No numbers are moved: all buffers of all workers are views of one memory that nobody reads.
import {
  Collective,
  headerBytes,
  type FrameHeader,
  type OpHeader,
  type Outgoing,
  type SumMemory,
  plainSumMemory,
} from '@stillhouse/core/cluster';
import { allocateFlat } from '@stillhouse/worker/light';
import { VirtualClock } from './network.js';

/** Times in milliseconds, sizes in bytes. */
export interface Costs {
  /** From a frame's first byte at the sender's card to the same byte at the receiver's thread, if nothing waits. */
  readonly latencyMs: number;
  /** What a host's card sends, and receives at the same time; Infinity for workers of one machine. */
  readonly bytesPerMs: number;
  /** Time of a worker's thread per operation, and per frame and byte that it sends, receives or adds. */
  readonly operationMs: number;
  readonly sendFrameMs: number;
  readonly receiveFrameMs: number;
  readonly sendByteMs: number;
  readonly receiveByteMs: number;
  readonly addByteMs: number;
}

export interface Cluster {
  readonly workers: number;
  /** Numbers of the vector that is summed. */
  readonly parameters: number;
  /** Workers that share a host and its card; frames between them pass by the card. 1 if absent. */
  readonly perHost?: number;
  /**
   * If present, the exchange has two levels: groups of this many workers sum first, then the owners of the same segment
   * in all groups, then the groups gather. It must divide the number of workers.
   */
  readonly group?: number;
}

export interface Exchange {
  /** Until the last worker has the whole sum, if all have their own at once. */
  readonly ms: number;
  /** Time that the busiest worker's thread computed. */
  readonly busyMs: number;
  /** Frames and bytes that the worker sends that sends most of each. */
  readonly frames: number;
  readonly bytes: number;
  /** Bytes that the busiest host's card sends. */
  readonly cardBytes: number;
  /** Connections of a worker, in both directions. */
  readonly links: number;
}

/** How segments and chunks are cut. */
const flat = allocateFlat([1]).sums;
const nothing = new Uint8Array(0);

type Level = 'inner' | 'outer';
interface Sent {
  /** Index of the sender among its peers of the level. */
  readonly from: number;
  readonly to: SimWorker;
  readonly level: Level;
  readonly header: FrameHeader;
  readonly bytes: number;
}

/** Things that happen one after the other: only the first of them waits in the clock. */
class Lane<T> {
  #waiting: { readonly atMs: number; readonly what: T }[] = [];
  #next = 0;

  constructor(
    private readonly clock: VirtualClock,
    private readonly happen: (what: T) => void,
  ) {}

  /** @param atMs not before that of the thing before */
  push(atMs: number, what: T): void {
    this.#waiting.push({ atMs, what });
    if (this.#waiting.length - this.#next === 1) this.#schedule();
  }

  #schedule(): void {
    this.clock.after(this.#waiting[this.#next].atMs - this.clock.now(), () => {
      const { what } = this.#waiting[this.#next++];
      if (this.#next < this.#waiting.length) this.#schedule();
      else [this.#waiting, this.#next] = [[], 0];
      this.happen(what);
    });
  }
}

/** A host's network card: sends and receives one frame after the other. */
class Card {
  #sentMs = 0;
  #receivedMs = 0;
  bytes = 0;
  /** How many workers the host has. */
  workers = 0;
  readonly #onWire: Lane<Sent>;
  readonly #received: Lane<Sent>;

  constructor(
    private readonly clock: VirtualClock,
    private readonly costs: Costs,
  ) {
    this.#onWire = new Lane(clock, (sent) => sent.to.card.#take(sent));
    this.#received = new Lane(clock, (sent) => sent.to.take(sent, clock.now()));
  }

  /** @param readyMs when the worker has handed the frame over; not before that of the frame before */
  send(sent: Sent, readyMs: number): void {
    const { latencyMs, bytesPerMs } = this.costs;
    const begunMs = Math.max(this.#sentMs, readyMs);
    this.#sentMs = begunMs + sent.bytes / bytesPerMs;
    this.bytes += sent.bytes;
    this.#onWire.push(begunMs + latencyMs, sent);
  }

  /** The first byte is here. */
  #take(sent: Sent): void {
    this.#receivedMs = Math.max(this.#receivedMs, this.clock.now()) + sent.bytes / this.costs.bytesPerMs;
    if (this.workers > 1) this.#received.push(this.#receivedMs, sent);
    else sent.to.take(sent, this.#receivedMs);
  }
}

/** A worker: its collectives, and the thread that has the links. */
class SimWorker {
  readonly #costs: Costs;
  readonly #ready: Lane<Sent>;
  readonly #local: Lane<Sent>;
  #freeMs = 0;
  #addedBytes = 0;
  readonly #collectives: Partial<Record<Level, Collective>> = {};
  readonly #peers: Partial<Record<Level, readonly SimWorker[]>> = {};
  /** Finished chunks of the own segment that the group gets once all groups have added to them. */
  #held: Outgoing[] = [];
  #chunksHeld = 0;
  /** Chunks of the own segment in the group, if there is a second level. */
  ownChunks = 0;
  busyMs = 0;
  frames = 0;
  bytes = 0;
  wholeMs: number | undefined;
  readonly memory: SumMemory;

  constructor(
    readonly card: Card,
    { clock, costs, arena }: { clock: VirtualClock; costs: Costs; arena: Float32Array },
  ) {
    this.#costs = costs;
    this.#ready = new Lane(clock, (sent) => card.send(sent, clock.now()));
    this.#local = new Lane(clock, (sent) => sent.to.take(sent, clock.now()));
    card.workers += 1;
    this.memory = {
      ...plainSumMemory,
      alignFloats: flat.alignFloats,
      chunkFloats: flat.chunkFloats,
      allocate: (lengths) => lengths.map((length) => arena.subarray(0, length)),
      add: (_a, _b, target) => void (this.#addedBytes += target.byteLength),
    };
  }

  join(level: Level, peers: readonly SimWorker[], out: Float32Array): void {
    const members = peers.map((_, i) => ({ lo: i, hi: i + 1 }));
    this.#peers[level] = peers;
    this.#collectives[level] = new Collective({
      generation: 1,
      ranks: members.length,
      members,
      self: peers.indexOf(this),
      out,
      memory: this.memory,
      op: 0,
    });
  }

  /** Hands in the own sum. */
  begin(): void {
    this.#freeMs = this.#costs.operationMs;
    this.#send('inner', this.#collectives.inner!.contribute(0));
    this.#proceed();
    this.busyMs += this.#freeMs;
  }

  /** A frame is here, and its numbers would be where they belong. */
  take({ from, level, header, bytes }: Sent, atMs: number): void {
    const { receiveByteMs, receiveFrameMs } = this.#costs;
    const begunMs = Math.max(this.#freeMs, atMs);
    this.#freeMs = begunMs + receiveFrameMs + bytes * receiveByteMs;
    this.#send(level, this.#collectives[level]!.receive(from, header as OpHeader, nothing));
    this.#proceed();
    this.busyMs += this.#freeMs - begunMs;
  }

  #add(): void {
    this.#freeMs += this.#addedBytes * this.#costs.addByteMs;
    this.#addedBytes = 0;
  }

  #send(level: Level, outgoing: readonly Outgoing[]): void {
    this.#add();
    if (level === 'outer' || !this.#collectives.outer) return this.#post(level, outgoing);
    const finished = outgoing.filter(({ frame }) => frame.header.type === 'reduced');
    this.#post(
      level,
      outgoing.filter((each) => !finished.includes(each)),
    );
    this.#held.push(...finished);
    this.#chunksHeld += finished.length / (this.#peers.inner!.length - 1);
  }

  #post(level: Level, outgoing: readonly Outgoing[]): void {
    const { sendByteMs, sendFrameMs } = this.#costs;
    const from = this.#peers[level]!.indexOf(this);
    for (const { to, frame } of outgoing) {
      const bytes = headerBytes + frame.data.byteLength;
      this.#freeMs += sendFrameMs + bytes * sendByteMs;
      this.frames += 1;
      this.bytes += bytes;
      const receiver = this.#peers[level]![to];
      const sent: Sent = { from, to: receiver, level, header: frame.header, bytes };
      if (receiver.card === this.card) this.#local.push(this.#freeMs, sent);
      else if (this.card.workers > 1) this.#ready.push(this.#freeMs, sent);
      else this.card.send(sent, this.#freeMs);
    }
  }

  /** The next level, and the end. */
  #proceed(): void {
    const { inner, outer } = this.#collectives;
    if (outer && this.#chunksHeld === this.ownChunks) {
      this.#chunksHeld = NaN;
      this.#send('outer', outer.contribute(0));
    }
    if (outer?.gradientsWhole && this.#held.length > 0) this.#post('inner', this.#held.splice(0));
    if (inner!.gradientsWhole && outer?.gradientsWhole !== false) this.wholeMs ??= this.#freeMs;
  }
}

/** One all-reduce, from the moment when all workers have their sums. */
export function simulateExchange({ workers, parameters, perHost = 1, group }: Cluster, costs: Costs): Exchange {
  const clock = new VirtualClock();
  const arena = new Float32Array(parameters);
  const cards = Array.from({ length: Math.ceil(workers / perHost) }, () => new Card(clock, costs));
  const all = Array.from(
    { length: workers },
    (_, i) => new SimWorker(cards[Math.floor(i / perHost)], { clock, costs, arena }),
  );
  const size = group ?? workers;
  const groups = Array.from({ length: workers / size }, (_, i) => all.slice(i * size, (i + 1) * size));
  for (const members of groups) for (const each of members) each.join('inner', members, arena);
  if (group !== undefined) joinGroups(groups, arena);
  for (const each of all) each.begin();
  while (clock.runNext());
  const most = (of: (each: SimWorker) => number): number => all.reduce((found, each) => Math.max(found, of(each)), 0);
  if (all.some(({ wholeMs }) => wholeMs === undefined)) throw new Error('an exchange did not end');
  return {
    ms: most(({ wholeMs }) => wholeMs!),
    busyMs: most(({ busyMs }) => busyMs),
    frames: most(({ frames }) => frames),
    bytes: most(({ bytes }) => bytes),
    cardBytes: Math.max(...cards.map(({ bytes }) => bytes)),
    links: 2 * (size - 1 + groups.length - 1),
  };
}

/** The second level: the owners of the same segment in all groups. */
function joinGroups(groups: readonly (readonly SimWorker[])[], arena: Float32Array): void {
  const size = groups[0].length;
  // How long each segment is, from what another member of a group like these would send to its owner.
  const members = Array.from({ length: size }, (_, i) => ({ lo: i, hi: i + 1 }));
  const segments = Array.from({ length: size }, () => ({ floats: 0, chunks: 0 }));
  const partialsOf = (self: number): Outgoing[] =>
    new Collective({
      generation: 1,
      ranks: size,
      members,
      self,
      out: arena,
      memory: groups[0][0].memory,
      op: 0,
    }).contribute(0);
  const toFirst = size > 1 ? partialsOf(1).filter(({ to }) => to === 0) : [];
  for (const { to, frame } of [...partialsOf(0), ...toFirst]) {
    segments[to].chunks += 1;
    segments[to].floats += frame.header.count;
  }
  segments.forEach(({ floats, chunks }, i) => {
    const owners = groups.map((each) => each[i]);
    for (const owner of owners) {
      owner.ownChunks = chunks;
      owner.join('outer', owners, arena.subarray(0, floats));
    }
  });
}
