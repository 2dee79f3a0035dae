// Gets a worker's training state part by part, as fast as the disk takes it, and writes it as a checkpoint.
import { createHash, type Hash } from 'node:crypto';
import { limits, StillhouseError, toErrorRecord, type Clock, type CoordinatorEvent, type ToCoordinator, type ToWorker } from '@stillhouse/core';
import type { CheckpointSink, RunStore } from './run-store.js';

type Part = ToCoordinator & { type: 'statePart' };

interface Taking {
  readonly id: number;
  readonly ask: (message: ToWorker) => void;
  readonly sink: CheckpointSink;
  readonly hash: Hash;
  received: number;
  stopWaiting: () => void;
}

export class CheckpointTaker {
  #taking: Taking | undefined;

  constructor(
    private readonly store: RunStore,
    private readonly clock: Clock,
    private readonly dispatch: (event: CoordinatorEvent) => void,
  ) {}

  /** @param ask sends to the worker */
  begin(id: number, ask: (message: ToWorker) => void): void {
    this.abandon();
    try {
      this.#taking = { id, ask, sink: this.store.beginCheckpoint(), hash: createHash('sha256'), received: 0, stopWaiting: () => {} };
    } catch (error) {
      this.dispatch({ type: 'checkpointFailed', id, reason: toErrorRecord(error).message });
      return;
    }
    this.#askNext(this.#taking);
  }

  receive(part: Part): void {
    const taking = this.#taking;
    if (taking?.id !== part.id || part.offset !== taking.received) return;
    try {
      taking.sink.write(part.bytes);
      taking.hash.update(part.bytes);
      taking.received += part.bytes.byteLength;
      if (part.bytes.byteLength === 0) throw new StillhouseError('PROTOCOL_VIOLATION', 'an empty part of a state');
      if (taking.received < part.total) return this.#askNext(taking);
      const sha256 = taking.hash.digest('hex');
      taking.sink.commit({ ...part.held, sha256 });
      this.#forget();
      this.dispatch({ type: 'checkpointTaken', id: part.id, held: part.held, sha256, bytes: part.total });
    } catch (error) {
      this.#fail(toErrorRecord(error).message);
    }
  }

  abandon(): void {
    this.#taking?.sink.abandon();
    this.#forget();
  }

  #forget(): void {
    this.#taking?.stopWaiting();
    this.#taking = undefined;
  }

  #fail(reason: string): void {
    const id = this.#taking!.id;
    this.abandon();
    this.dispatch({ type: 'checkpointFailed', id, reason });
  }

  #askNext(taking: Taking): void {
    taking.stopWaiting();
    taking.stopWaiting = this.clock.after(limits.checkpointTimeoutMs, () => this.#fail(`its worker sent nothing for ${limits.checkpointTimeoutMs / 1000} s`));
    taking.ask({ type: 'getState', id: taking.id, offset: taking.received });
  }
}
