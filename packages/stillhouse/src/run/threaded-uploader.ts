// Copies training states for checkpoints in a thread of its own, so that the one that trains goes on meanwhile.
import { Worker } from 'node:worker_threads';
import type { Capture, StateUploader } from '@stillhouse/worker/light';
import type { Log } from './logger.js';

export interface ToThread {
  readonly number: number;
  readonly capture: Capture;
}

export type FromThread =
  | { readonly type: 'copied'; readonly number: number }
  | { readonly type: 'failed'; readonly number: number; readonly reason: string }
  | { readonly type: 'log'; readonly message: string; readonly fields: Record<string, unknown> | undefined };

/** Parts in shared memory are copied by the thread, any others on the way there. A checkpoint that fails does not stop training. */
export class ThreadedUploader implements StateUploader {
  #thread: Worker | undefined;
  #number = 0;
  readonly #waiting = new Map<number, () => void>();

  constructor(private readonly log: Log) {
    // At once, since it takes longer to start than a step.
    this.#start();
  }

  take(capture: Capture): Promise<void> {
    const number = ++this.#number;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#start().postMessage({ number, capture } satisfies ToThread);
    });
  }

  close(): void {
    void this.#thread?.terminate();
  }

  #start(): Worker {
    if (this.#thread) return this.#thread;
    const thread = new Worker(new URL('./upload-thread.js', import.meta.url));
    this.#thread = thread;
    thread.unref();
    thread.on('message', (message: FromThread) => {
      if (message.type === 'log') return this.log(message.message, message.fields);
      if (message.type === 'failed') this.log(`a checkpoint could not be copied: ${message.reason}`);
      this.#settle(message.number);
    });
    thread.on('error', (error) => this.log(`the thread that copies checkpoints ended: ${error.message}`));
    thread.on('exit', () => {
      this.#thread = undefined;
      for (const number of this.#waiting.keys()) this.#settle(number);
    });
    return thread;
  }

  #settle(number: number): void {
    this.#waiting.get(number)?.();
    this.#waiting.delete(number);
  }
}
