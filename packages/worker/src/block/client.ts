// Requests bytes from the coordinator by their SHA-256, and repeats the request until they arrive: it may be away.
import { limits } from '@stillhouse/core';
import type { Clock } from '@stillhouse/core/cluster';

/** Bytes, or the address of a worker that has them. */
export type Located = { readonly bytes: Uint8Array } | { readonly at: string };

interface Waiting<Answer> {
  readonly promise: Promise<Answer>;
  readonly resolve: (answer: Answer) => void;
  cancel: () => void;
}

/** Requests by hash, each repeated until it is answered. */
class Questions<Answer> {
  readonly #waiting = new Map<string, Waiting<Answer>>();

  constructor(
    private readonly clock: Clock,
    private readonly ask: (hash: string) => void,
  ) {}

  answerTo(hash: string): Promise<Answer> {
    const known = this.#waiting.get(hash);
    if (known) return known.promise;
    let resolve!: (answer: Answer) => void;
    const promise = new Promise<Answer>((done) => (resolve = done));
    const waiting: Waiting<Answer> = { promise, resolve, cancel: () => {} };
    this.#waiting.set(hash, waiting);
    this.#ask(hash, waiting);
    return promise;
  }

  answer(hash: string, answer: Answer): void {
    const waiting = this.#waiting.get(hash);
    waiting?.cancel();
    this.#waiting.delete(hash);
    waiting?.resolve(answer);
  }

  close(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  #ask(hash: string, waiting: Waiting<Answer>): void {
    this.ask(hash);
    waiting.cancel = this.clock.after(limits.blockRetryMs, () => this.#ask(hash, waiting));
  }
}

export class BlockClient {
  readonly #direct: Questions<Uint8Array>;
  readonly #anywhere: Questions<Located>;

  constructor(clock: Clock, ask: (hash: string, direct: boolean) => void) {
    this.#direct = new Questions(clock, (hash) => ask(hash, true));
    this.#anywhere = new Questions(clock, (hash) => ask(hash, false));
  }

  /** From the coordinator itself. */
  fetch(hash: string): Promise<Uint8Array> {
    return this.#direct.answerTo(hash);
  }

  /** From the coordinator, or from the worker that it names. */
  locate(hash: string): Promise<Located> {
    return this.#anywhere.answerTo(hash);
  }

  deliver(hash: string, bytes: Uint8Array): void {
    this.#direct.answer(hash, bytes);
    this.#anywhere.answer(hash, { bytes });
  }

  refer(hash: string, at: string): void {
    this.#anywhere.answer(hash, { at });
  }

  close(): void {
    this.#direct.close();
    this.#anywhere.close();
  }
}
