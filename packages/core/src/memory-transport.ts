// A network inside one process on a seeded, virtual clock: frames keep their order on a link and lose it across links.
// One seed derives every delay, so that a whole cluster replays from it.
import { invariant, StillhouseError } from './errors.js';
import { randomStream, type RandomStream } from './random.js';
import type { Clock, Link, Listener, Transport } from './transport.js';

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Runs tasks in the order of their virtual times. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #tasks: Task[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const task = { atMs: this.#now + delayMs, order: this.#order++, run: callback };
    let low = 0;
    let high = this.#tasks.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.#tasks[mid].atMs <= task.atMs) low = mid + 1;
      else high = mid;
    }
    this.#tasks.splice(low, 0, task);
    return () => {
      const index = this.#tasks.indexOf(task);
      if (index >= 0) this.#tasks.splice(index, 1);
    };
  }

  /** Runs the next task; false if there is none. */
  runNext(): boolean {
    const task = this.#tasks.shift();
    if (!task) return false;
    this.#now = task.atMs;
    task.run();
    return true;
  }
}

export interface NetworkOptions {
  readonly seed: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const frame = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    frame.set(part, offset);
    offset += part.byteLength;
  }
  return frame;
}

class MemoryLink implements Link {
  readonly localHost = 'memory';
  peer!: MemoryLink;
  #frameListener: ((frame: Uint8Array) => void) | undefined;
  #closeListener: ((reason: string) => void) | undefined;
  #kept: Uint8Array[] = [];
  #closedBecause: string | undefined;
  #lastArrivalMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly delay: () => number,
  ) {}

  #deliver(run: () => void): void {
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.clock.now() + this.delay());
    this.clock.after(this.#lastArrivalMs - this.clock.now(), run);
  }

  send(...parts: Uint8Array[]): void {
    if (this.#closedBecause !== undefined) return;
    // Joined on arrival only: like a full socket, this link shows what became of memory that a sender reused too early.
    this.#deliver(() => this.peer.#arrive(joined(parts)));
  }

  #arrive(frame: Uint8Array): void {
    if (this.#closedBecause !== undefined) return;
    if (this.#frameListener) this.#frameListener(frame);
    else this.#kept.push(frame);
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    invariant(!this.#frameListener, 'a link has one frame listener');
    this.#frameListener = listener;
    for (const frame of this.#kept.splice(0)) listener(frame);
  }

  onClose(listener: (reason: string) => void): void {
    this.#closeListener = listener;
    if (this.#closedBecause !== undefined) listener(this.#closedBecause);
  }

  close(reason = ''): void {
    if (this.#closedBecause !== undefined) return;
    this.#shut(reason);
    this.#deliver(() => this.peer.#shut(reason));
  }

  #shut(reason: string): void {
    if (this.#closedBecause !== undefined) return;
    this.#closedBecause = reason;
    this.#closeListener?.(reason);
  }
}

export class MemoryNetwork implements Transport {
  readonly #listeners = new Map<string, (link: Link) => void>();
  readonly #random: RandomStream;
  #nextPort = 1;

  constructor(
    private readonly clock: Clock,
    private readonly options: NetworkOptions,
  ) {
    this.#random = randomStream(options.seed, 0x6e65);
  }

  listen(address: string, onLink: (link: Link) => void): Promise<Listener> {
    const full = address.endsWith(':0') ? address.replace(/:0$/, `:${this.#nextPort++}`) : address;
    if (this.#listeners.has(full)) return Promise.reject(new StillhouseError('PORT_IN_USE', `${full} is already in use`));
    this.#listeners.set(full, onLink);
    return Promise.resolve({
      address: full,
      close: () => {
        this.#listeners.delete(full);
        return Promise.resolve();
      },
    });
  }

  connect(address: string): Promise<Link> {
    const { minDelayMs, maxDelayMs } = this.options;
    const delay = (): number => minDelayMs + this.#random() * (maxDelayMs - minDelayMs);
    return new Promise((resolve, reject) => {
      this.clock.after(delay(), () => {
        const onLink = this.#listeners.get(address);
        if (!onLink) return reject(new StillhouseError('COORDINATOR_UNREACHABLE', `nobody listens at ${address}`));
        const near = new MemoryLink(this.clock, delay);
        const far = new MemoryLink(this.clock, delay);
        near.peer = far;
        far.peer = near;
        onLink(far);
        resolve(near);
      });
    });
  }
}
