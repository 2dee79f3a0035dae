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
  /** Whether what crosses to another host crosses once, as it does; if not, each is treated as a host of its own. */
  readonly relays?: boolean;
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
}

/** How segments and chunks are cut. */
const flat = allocateFlat([1]).sums;
const nothing = new Uint8Array(0);

interface Sent {
  /** Index of the sender. */
  readonly from: number;
  readonly to: SimWorker;
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

/** A worker: its collective, and the thread that has the links. */
class SimWorker {
  readonly #costs: Costs;
  readonly #ready: Lane<Sent>;
  readonly #local: Lane<Sent>;
  readonly #self: number;
  readonly #all: readonly SimWorker[];
  readonly #collective: Collective;
  #freeMs = 0;
  #addedBytes = 0;
  busyMs = 0;
  frames = 0;
  bytes = 0;
  wholeMs: number | undefined;

  constructor(
    readonly card: Card,
    { clock, costs, arena, all, hosts }: Surroundings,
  ) {
    this.#costs = costs;
    this.#all = all;
    this.#self = all.length;
    this.#ready = new Lane(clock, (sent) => card.send(sent, clock.now()));
    this.#local = new Lane(clock, (sent) => sent.to.take(sent, clock.now()));
    card.workers += 1;
    const memory: SumMemory = {
      ...plainSumMemory,
      alignFloats: flat.alignFloats,
      chunkFloats: flat.chunkFloats,
      allocate: (lengths) => lengths.map((length) => arena.subarray(0, length)),
      add: (_a, _b, target) => void (this.#addedBytes += target.byteLength),
    };
    this.#collective = new Collective({
      generation: 1,
      ranks: hosts.length,
      members: hosts.map((_, i) => ({ lo: i, hi: i + 1 })),
      hosts,
      self: this.#self,
      out: arena,
      memory,
      op: 0,
    });
  }

  /** Hands in the own sum. */
  begin(): void {
    this.#freeMs = this.#costs.operationMs;
    this.#send(this.#collective.contribute(0));
    this.busyMs += this.#freeMs;
  }

  /** A frame is here, and its numbers would be where they belong. */
  take({ from, header, bytes }: Sent, atMs: number): void {
    const { receiveByteMs, receiveFrameMs } = this.#costs;
    const begunMs = Math.max(this.#freeMs, atMs);
    this.#freeMs = begunMs + receiveFrameMs + bytes * receiveByteMs;
    this.#send(this.#collective.receive(from, header as OpHeader, nothing));
    this.busyMs += this.#freeMs - begunMs;
  }

  #send(outgoing: readonly Outgoing[]): void {
    const { addByteMs, sendByteMs, sendFrameMs } = this.#costs;
    this.#freeMs += this.#addedBytes * addByteMs;
    this.#addedBytes = 0;
    for (const { to, frame } of outgoing) {
      const bytes = headerBytes + frame.data.byteLength;
      this.#freeMs += sendFrameMs + bytes * sendByteMs;
      this.frames += 1;
      this.bytes += bytes;
      const receiver = this.#all[to];
      const sent: Sent = { from: this.#self, to: receiver, header: frame.header, bytes };
      if (receiver.card === this.card) this.#local.push(this.#freeMs, sent);
      else if (this.card.workers > 1) this.#ready.push(this.#freeMs, sent);
      else this.card.send(sent, this.#freeMs);
    }
    if (this.#collective.gradientsWhole) this.wholeMs ??= this.#freeMs;
  }
}

interface Surroundings {
  readonly clock: VirtualClock;
  readonly costs: Costs;
  readonly arena: Float32Array;
  /** The workers that there are; a new one is the next. */
  readonly all: readonly SimWorker[];
  /** Number of each worker's host, as far as the product knows. */
  readonly hosts: readonly number[];
}

/** One all-reduce, from the moment when all workers have their sums. */
export function simulateExchange({ workers, parameters, perHost = 1, relays = true }: Cluster, costs: Costs): Exchange {
  const clock = new VirtualClock();
  const arena = new Float32Array(parameters);
  const cards = Array.from({ length: Math.ceil(workers / perHost) }, () => new Card(clock, costs));
  const hosts = Array.from({ length: workers }, (_, i) => (relays ? Math.floor(i / perHost) : i));
  const all: SimWorker[] = [];
  for (let i = 0; i < workers; i++)
    all.push(new SimWorker(cards[Math.floor(i / perHost)], { clock, costs, arena, all, hosts }));
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
  };
}
