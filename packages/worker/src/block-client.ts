// Asks the coordinator for bytes by their SHA-256, again until they come: it may be away for a while.
import { limits, type Clock } from '@stillhouse/core';

interface Waiting {
  readonly promise: Promise<Uint8Array>;
  readonly resolve: (bytes: Uint8Array) => void;
  cancel: () => void;
}

export class BlockClient {
  readonly #waiting = new Map<string, Waiting>();

  constructor(
    private readonly clock: Clock,
    private readonly ask: (hash: string) => void,
  ) {}

  fetch(hash: string): Promise<Uint8Array> {
    const known = this.#waiting.get(hash);
    if (known) return known.promise;
    let resolve!: (bytes: Uint8Array) => void;
    const promise = new Promise<Uint8Array>((done) => (resolve = done));
    const waiting: Waiting = { promise, resolve, cancel: () => {} };
    this.#waiting.set(hash, waiting);
    this.#askFor(hash, waiting);
    return promise;
  }

  deliver(hash: string, bytes: Uint8Array): void {
    const waiting = this.#waiting.get(hash);
    waiting?.cancel();
    this.#waiting.delete(hash);
    waiting?.resolve(bytes);
  }

  close(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  #askFor(hash: string, waiting: Waiting): void {
    this.ask(hash);
    waiting.cancel = this.clock.after(limits.blockRetryMs, () => this.#askFor(hash, waiting));
  }
}
