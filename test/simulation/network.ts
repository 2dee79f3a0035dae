// Processes, a network and time inside one process, all derived from one seed. Links keep the order of their frames or
// break; processes crash, freeze and have clocks that go wrong; partitions hold frames back, in one direction or both.
import { hashName, joinBytes, limits, randomStream, StillhouseError, type RandomStream } from '@stillhouse/core';
import {
  decodeHeader,
  type Clock,
  type FrameSink,
  type Link,
  type LinkBounds,
  type Listener,
  type Transport,
} from '@stillhouse/core/cluster';

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Runs tasks in the order of their virtual times: a binary heap, since partitions leave many waiting. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #heap: Task[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const task: Task = {
      atMs: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      run: callback,
      isCancelled: false,
    };
    this.#push(task);
    return () => void (task.isCancelled = true);
  }

  /** Runs the next task; false if there is none. */
  runNext(): boolean {
    for (;;) {
      const task = this.#pop();
      if (!task) return false;
      if (task.isCancelled) continue;
      this.#now = task.atMs;
      task.run();
      return true;
    }
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let i = heap.push(task) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && isBefore(task, heap[parent]); i = parent, parent = (i - 1) >> 1)
      heap[i] = heap[parent];
    heap[i] = task;
  }

  #pop(): Task | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

const isBefore = (a: Task, b: Task): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export interface NetworkFaults {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Share of frames that come twice, the second time out of order, and of those that never come. */
  readonly duplicates: number;
  readonly losses: number;
}

/** One simulated process: what it has of the world, and what can be done to it. */
export class SimProcess {
  isAlive = true;
  frozenUntilMs = 0;
  readonly clock: Clock;
  readonly transport: Transport;

  /** @param skew how fast its clock runs relative to true time, and where it began */
  constructor(
    readonly name: string,
    readonly network: Network,
    skew: { rate: number; offsetMs: number },
  ) {
    const { clock } = network;
    this.clock = {
      now: () => clock.now() * skew.rate + skew.offsetMs,
      after: (delayMs, callback) => {
        return clock.after(delayMs / skew.rate, () => this.whenAwake(callback));
      },
    };
    this.transport = {
      listen: (address, onLink) => network.listen(this, address, onLink),
      connect: (address) => network.connect(this, address),
    };
  }

  /** Runs something inside the process: not if it is dead, and later if it is frozen. */
  whenAwake(run: () => void): void {
    const { clock } = this.network;
    if (!this.isAlive) return;
    if (clock.now() < this.frozenUntilMs) clock.after(this.frozenUntilMs - clock.now(), () => this.whenAwake(run));
    else run();
  }
}

interface Frame {
  /** Joined on arrival only: like a full socket, a link shows what became of memory that a sender reused too early. */
  readonly read: () => Uint8Array;
  /** Its first bytes have arrived, and the others have not. */
  isBegun?: boolean;
  /** The link broke in the middle of it: the others will never come. */
  readonly isTorn?: boolean;
}

/** One direction of a connection and its far end. */
class SimLink implements Link {
  readonly localHost = 'memory';
  peer!: SimLink;
  #frameListener: ((frame: Uint8Array) => void) | undefined;
  #sink: FrameSink | undefined;
  /** Where the frame belongs that has begun to arrive, if it is wanted; and frames that came twice meanwhile. */
  #begun: { readonly place: Uint8Array | undefined } | undefined;
  #late: Uint8Array[] = [];
  #closeListener: ((reason: string) => void) | undefined;
  #kept: Uint8Array[] = [];
  #closedBecause: string | undefined;
  #queue: (Frame | { readonly closing: string })[] = [];
  #lastArrivalMs = 0;
  #frameBytes: number;
  #isAdmitted: boolean;

  constructor(
    readonly owner: SimProcess,
    private readonly network: Network,
    isAccepted: boolean,
  ) {
    this.#frameBytes = isAccepted ? limits.helloBytes : limits.frameBytes;
    this.#isAdmitted = !isAccepted;
    if (isAccepted) this.#expectHello(limits.helloMs);
  }

  /** Ticks, so that the time during which the owner is frozen hardly counts. */
  #expectHello(leftMs: number): void {
    this.network.clock.after(limits.tickIntervalMs, () =>
      this.owner.whenAwake(() => {
        if (this.#closedBecause !== undefined || this.#isAdmitted) return;
        if (leftMs <= 0) this.cut('it did not say who it is');
        else this.#expectHello(leftMs - limits.tickIntervalMs);
      }),
    );
  }

  get isSending(): boolean {
    return this.#queue.length > 0;
  }

  admit({ frameBytes }: LinkBounds): void {
    this.#frameBytes = frameBytes;
    this.#isAdmitted = true;
  }

  send(...parts: Uint8Array[]): void {
    if (this.#closedBecause !== undefined || !this.owner.isAlive) return;
    const isMesh = [this, this.peer].every(({ owner }) => owner.name.startsWith('worker'));
    if (isMesh) this.network.meshBytes += parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.network.onSent?.(parts);
    this.#enqueue({ read: () => joinBytes(parts) });
  }

  #enqueue(entry: Frame | { readonly closing: string }): void {
    const { clock } = this.network;
    this.#queue.push(entry);
    this.network.mostQueued = Math.max(this.network.mostQueued, this.#queue.length);
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, clock.now() + this.network.delayMs());
    const delayMs = this.#lastArrivalMs - clock.now();
    clock.after(delayMs, () => this.#pump());
    const share = this.peer.#sink && this.network.shareInParts();
    if (share !== undefined && 'read' in entry) clock.after(share * delayMs, () => this.#pumpBeginning(entry));
  }

  /** The first bytes of a frame arrive before the others, if nothing is in their way. */
  #pumpBeginning(entry: Frame): void {
    const far = this.peer.owner;
    const isHeld =
      far.frozenUntilMs > this.network.clock.now() || this.network.isBlocked(this.owner.name, far.name) || !far.isAlive;
    if (isHeld || this.#queue[0] !== entry) return;
    entry.isBegun = true;
    this.peer.#begin(entry.read());
  }

  /** One frame arrives, the first that is on its way. */
  #pump(): void {
    const { clock } = this.network;
    const far = this.peer.owner;
    if (this.#queue.length === 0 || !far.isAlive) return;
    const heldMs = Math.max(
      this.network.isBlocked(this.owner.name, far.name) ? 25 : 0,
      far.frozenUntilMs - clock.now(),
    );
    if (heldMs > 0) return void clock.after(heldMs, () => this.#pump());
    const entry = this.#queue.shift()!;
    if ('closing' in entry) return this.peer.#shut(entry.closing);
    const frame = entry.read();
    if (entry.isTorn) return entry.isBegun ? undefined : this.peer.#begin(frame);
    const isSwallowed = this.peer.#sink && this.network.isMute(this.owner) && decodeHeader(frame).type === 'greeting';
    const fate = isSwallowed ? 'lost' : this.network.fate();
    if (fate === 'lost') return this.peer.#rest(undefined);
    if (fate === 'twice')
      clock.after(this.network.delayMs(), () => far.whenAwake(() => this.peer.#arrive(frame.slice())));
    if (entry.isBegun) this.peer.#rest(frame);
    else this.peer.#arrive(frame);
  }

  #arrive(frame: Uint8Array): void {
    if (this.#closedBecause !== undefined || !this.owner.isAlive) return;
    if (frame.byteLength > this.#frameBytes) return this.cut('a frame is longer than it may be');
    if (this.#begun) this.#late.push(frame);
    else if (this.#sink) this.#put(frame, this.#placeOf(frame), 0);
    else if (this.#frameListener) this.#frameListener(frame);
    else this.#kept.push(frame);
  }

  #placeOf(frame: Uint8Array): Uint8Array | undefined {
    const { headerBytes } = this.#sink!;
    return frame.byteLength < headerBytes ? undefined : this.#sink!.place(frame.subarray(0, headerBytes));
  }

  /** The first half of a frame is there. */
  #begin(frame: Uint8Array): void {
    if (this.#closedBecause !== undefined || !this.#sink) return;
    const place = this.#placeOf(frame);
    this.#begun = { place };
    const { headerBytes } = this.#sink;
    place?.set(frame.subarray(headerBytes, headerBytes + halfOf(place)));
  }

  /** The second half of the frame that was begun is there, or will never come. */
  #rest(frame: Uint8Array | undefined): void {
    if (this.#closedBecause !== undefined || !this.owner.isAlive) return;
    const begun = this.#begun;
    this.#begun = undefined;
    if (frame && begun) this.#put(frame, begun.place, begun.place ? halfOf(begun.place) : 0);
    for (const late of this.#late.splice(0)) this.#arrive(late);
  }

  #put(frame: Uint8Array, place: Uint8Array | undefined, from: number): void {
    const { headerBytes } = this.#sink!;
    const data = frame.subarray(headerBytes);
    if (frame.byteLength < headerBytes || (place && data.byteLength !== place.byteLength))
      return this.#sink!.misfit(frame.byteLength);
    place?.set(data.subarray(from), from);
    if (place) this.#sink!.arrived(place);
  }

  receiveInto(sink: FrameSink): void {
    this.#sink = sink;
    for (const frame of this.#kept.splice(0)) this.#arrive(frame);
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    this.#frameListener = listener;
    for (const frame of this.#kept.splice(0)) listener(frame);
  }

  onClose(listener: (reason: string) => void): void {
    this.#closeListener = listener;
    if (this.#closedBecause !== undefined) listener(this.#closedBecause);
  }

  close(reason = ''): void {
    if (this.#closedBecause !== undefined) return;
    this.#enqueue({ closing: reason });
    this.#shut(reason);
  }

  abort(): void {
    this.cut('aborted');
  }

  /** This end is gone at once. Some of what it sent has left the machine already, and still arrives. */
  cut(reason: string, isNoticed = true): void {
    if (this.#closedBecause !== undefined) return;
    const gone = Math.floor(this.network.random() * (this.#queue.length + 1));
    this.#queue = this.#queue.slice(0, gone + 1).map((entry, i) => {
      if ('closing' in entry) return entry;
      const bytes = entry.read();
      return { ...entry, read: () => bytes, isTorn: i === gone };
    });
    if (isNoticed) this.#enqueue({ closing: reason });
    this.#shut(reason);
  }

  #shut(reason: string): void {
    if (this.#closedBecause !== undefined) return;
    this.#closedBecause = reason;
    if (this.#begun?.place?.byteLength) this.network.cutInside += 1;
    if (this.owner.isAlive) this.#closeListener?.(reason);
    this.network.forget(this);
  }
}

/** How many bytes of a frame's content arrive first. */
const halfOf = ({ byteLength }: Uint8Array): number => byteLength >> 1;

/** Share of frames between workers that arrive in two parts, at different times. */
const inParts = 0.25;

export class Network {
  readonly #listeners = new Map<string, { process: SimProcess; onLink: (link: Link) => void }>();
  readonly #links = new Set<SimLink>();
  readonly #blocked = new Set<string>();
  readonly #mute = new Set<SimProcess>();
  readonly random: RandomStream;
  #nextPort = 1;
  mostQueued = 0;
  /** Bytes that workers have sent to other workers. */
  meshBytes = 0;
  /** Links that broke when half of a frame's content was where it belongs. */
  cutInside = 0;
  readonly #parts: RandomStream;
  /** After the faults are over frames are only delayed. */
  isCalm = false;
  /** Called with the parts of each frame. */
  onSent: ((parts: readonly Uint8Array[]) => void) | undefined;

  constructor(
    readonly clock: VirtualClock,
    seed: number,
    private readonly faults: NetworkFaults,
  ) {
    this.random = randomStream(seed, hashName('network'));
    this.#parts = randomStream(seed, hashName('parts'));
  }

  /** When the first half of a frame arrives, as a share of the time to its end; undefined if it arrives as a whole. */
  shareInParts(): number | undefined {
    return this.#parts() < inParts ? this.#parts() : undefined;
  }

  delayMs(): number {
    const { minDelayMs, maxDelayMs } = this.faults;
    return minDelayMs + this.random() * (maxDelayMs - minDelayMs);
  }

  fate(): 'once' | 'twice' | 'lost' {
    const { duplicates, losses } = this.faults;
    if (this.isCalm || duplicates + losses === 0) return 'once';
    const drawn = this.random();
    return drawn < losses ? 'lost' : drawn < losses + duplicates ? 'twice' : 'once';
  }

  /** Holds back what one process sends to another, until they are unblocked. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  unblock(from: string, to: string): void {
    this.#blocked.delete(`${from}>${to}`);
  }

  unblockAll(): void {
    this.#blocked.clear();
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.has(`${from}>${to}`);
  }

  /** What a process says first to others that connect to it never arrives. */
  mute(process: SimProcess): void {
    this.#mute.add(process);
  }

  isMute(process: SimProcess): boolean {
    return this.#mute.has(process);
  }

  /** A process ends. Processes linked to it notice, unless its machine went down as well. */
  crash(process: SimProcess, isNoticed: boolean): void {
    process.isAlive = false;
    for (const [address, listener] of this.#listeners)
      if (listener.process === process) this.#listeners.delete(address);
    for (const link of [...this.#links]) if (link.owner === process) link.cut('connection reset', isNoticed);
  }

  /** Breaks one link of a process, both ends noticing. */
  breakLink(process: SimProcess): void {
    const links = [...this.#links].filter((link) => link.owner === process);
    links[Math.floor(this.random() * links.length)]?.cut('connection reset');
  }

  forget(link: SimLink): void {
    this.#links.delete(link);
  }

  listen(process: SimProcess, address: string, onLink: (link: Link) => void): Promise<Listener> {
    const full = address.endsWith(':0') ? address.replace(/:0$/, `:${this.#nextPort++}`) : address;
    if (this.#listeners.has(full))
      return Promise.reject(new StillhouseError('PORT_IN_USE', `${full} is already in use`));
    this.#listeners.set(full, { process, onLink });
    return Promise.resolve({ address: full, close: () => Promise.resolve(void this.#listeners.delete(full)) });
  }

  connect(process: SimProcess, address: string): Promise<Link> {
    const { clock } = this;
    return new Promise((resolve, reject) => {
      const refuse = (afterMs: number, why: string): void =>
        void clock.after(afterMs, () =>
          process.whenAwake(() =>
            reject(new StillhouseError('COORDINATOR_UNREACHABLE', `no connection to ${address}: ${why}`)),
          ),
        );
      const listener = this.#listeners.get(address);
      if (!listener) return refuse(this.delayMs(), 'refused');
      const far = listener.process;
      const cannotAnswer =
        this.isBlocked(process.name, far.name) ||
        this.isBlocked(far.name, process.name) ||
        far.frozenUntilMs - clock.now() > limits.connectTimeoutMs;
      if (cannotAnswer) return refuse(limits.connectTimeoutMs, 'no answer');
      const attempt = (): void => {
        if (!far.isAlive) return refuse(limits.connectTimeoutMs, 'no answer');
        const frozenMs = far.frozenUntilMs - clock.now();
        if (frozenMs > 0) clock.after(frozenMs, attempt);
        else accept(listener);
      };
      clock.after(this.delayMs(), attempt);
      const accept = ({ onLink }: typeof listener): void => {
        if (this.#listeners.get(address) !== listener) return refuse(0, 'refused');
        const [near, remote] = [new SimLink(process, this, false), new SimLink(far, this, true)];
        near.peer = remote;
        remote.peer = near;
        this.#links.add(near).add(remote);
        onLink(remote);
        process.whenAwake(() => resolve(near));
      };
      return undefined;
    });
  }
}
