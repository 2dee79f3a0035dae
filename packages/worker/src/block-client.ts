// Asks the coordinator for bytes by their SHA-256, again until they come: it may be away for a while.
import { limits, type Clock } from '@stillhouse/core';

/** Bytes, or the address of a worker that has them. */
export type Located = { readonly bytes: Uint8Array } | { readonly at: string };

interface Waiting {
  readonly promise: Promise<Located>;
  readonly resolve: (located: Located) => void;
  cancel: () => void;
}

export class BlockClient {
  /** By hash: those that the coordinator itself must answer, and those that it may send elsewhere. */
  readonly #direct = new Map<string, Waiting>();
  readonly #anywhere = new Map<string, Waiting>();

  constructor(
    private readonly clock: Clock,
    private readonly ask: (hash: string, direct: boolean) => void,
  ) {}

  /** From the coordinator itself. */
  async fetch(hash: string): Promise<Uint8Array> {
    const located = await this.#wait(this.#direct, hash);
    return 'bytes' in located ? located.bytes : this.fetch(hash);
  }

  /** From the coordinator, or where it says. */
  locate(hash: string): Promise<Located> {
    return this.#wait(this.#anywhere, hash);
  }

  deliver(hash: string, bytes: Uint8Array): void {
    for (const waiting of [this.#direct, this.#anywhere]) this.#resolve(waiting, hash, { bytes });
  }

  refer(hash: string, at: string): void {
    this.#resolve(this.#anywhere, hash, { at });
  }

  close(): void {
    for (const waiting of [this.#direct, this.#anywhere]) {
      for (const { cancel } of waiting.values()) cancel();
      waiting.clear();
    }
  }

  #resolve(all: Map<string, Waiting>, hash: string, located: Located): void {
    const waiting = all.get(hash);
    waiting?.cancel();
    all.delete(hash);
    waiting?.resolve(located);
  }

  #wait(all: Map<string, Waiting>, hash: string): Promise<Located> {
    const known = all.get(hash);
    if (known) return known.promise;
    let resolve!: (located: Located) => void;
    const promise = new Promise<Located>((done) => (resolve = done));
    const waiting: Waiting = { promise, resolve, cancel: () => {} };
    all.set(hash, waiting);
    const ask = (): void => {
      this.ask(hash, all === this.#direct);
      waiting.cancel = this.clock.after(limits.blockRetryMs, ask);
    };
    ask();
    return promise;
  }
}
