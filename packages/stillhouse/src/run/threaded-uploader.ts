// Copies large training states for checkpoints in a separate thread, so that the training thread continues meanwhile.
import { Worker } from 'node:worker_threads';
import { limits } from '@stillhouse/core';
import { lengthOf, type Transport } from '@stillhouse/core/cluster';
import { StateUpload, type Capture, type StateUploader } from '@stillhouse/worker/light';
import { programs } from '../programs.js';
import type { Log } from './logger.js';

export interface ToThread {
  readonly number: number;
  readonly capture: Capture;
}

export type FromThread =
  | { readonly type: 'copied'; readonly number: number }
  | { readonly type: 'failed'; readonly number: number; readonly reason: string }
  | { readonly type: 'log'; readonly message: string; readonly fields: Record<string, unknown> | undefined };

/**
 * A state that fits into one message is copied sooner than a thread starts, so the training thread copies and sends it.
 * The thread is started for the first larger one. It copies parts in shared memory; other parts are copied when they
 * are sent to it. A failed checkpoint does not stop training.
 */
export class ThreadedUploader implements StateUploader {
  readonly #small: StateUpload;
  #thread: Worker | undefined;
  #number = 0;
  readonly #waiting = new Map<number, () => void>();

  constructor(
    transport: Transport,
    private readonly log: Log,
  ) {
    this.#small = new StateUpload(transport, log);
  }

  take(capture: Capture): Promise<void> {
    if (lengthOf(capture.parts) <= limits.statePartBytes) return this.#small.take(capture);
    this.#small.close();
    const number = ++this.#number;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#start().postMessage({ number, capture } satisfies ToThread);
    });
  }

  close(): void {
    this.#small.close();
    void this.#thread?.terminate();
  }

  #start(): Worker {
    if (this.#thread) return this.#thread;
    const thread = new Worker(programs.uploads);
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
