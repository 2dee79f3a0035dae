// Gets a worker's training state part by part, as fast as the disk takes it, and writes it as a checkpoint.
import { createHash, type Hash } from 'node:crypto';
import {
  encodeMessage,
  limits,
  messageOf,
  StillhouseError,
  type Clock,
  type CoordinatorEvent,
  type Link,
  type ToCoordinator,
} from '@stillhouse/core';
import type { CheckpointSink, RunStore } from './run-store.js';

type Part = ToCoordinator & { type: 'statePart' };

interface Taking {
  readonly id: number;
  /** The link that it arrives over, once it does. */
  link: Link | undefined;
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

  /** @param worker the worker that must send its state; it does so over another link */
  begin(id: number, worker: Link | undefined): void {
    this.abandon();
    try {
      this.#taking = {
        id,
        link: undefined,
        sink: this.store.beginCheckpoint(),
        hash: createHash('sha256'),
        received: 0,
        stopWaiting: () => {},
      };
    } catch (error) {
      this.dispatch({ type: 'checkpointFailed', id, reason: messageOf(error) });
      return;
    }
    worker?.send(...encodeMessage({ type: 'capture', id }));
    this.#await(this.#taking);
  }

  receive(part: Part, link: Link | undefined): void {
    const taking = this.#taking;
    // The part belongs to a checkpoint that was given up, or to a second worker's.
    if (taking?.id !== part.id || (taking.link ?? link) !== link) return link?.close();
    taking.link = link;
    if (part.offset !== taking.received) return;
    try {
      taking.sink.write(part.bytes);
      taking.hash.update(part.bytes);
      taking.received += part.bytes.byteLength;
      if (part.bytes.byteLength === 0) throw new StillhouseError('PROTOCOL_VIOLATION', 'an empty part of a state');
      if (taking.received < part.total) {
        link?.send(...encodeMessage({ type: 'nextPart', offset: taking.received }));
        return this.#await(taking);
      }
      const sha256 = taking.hash.digest('hex');
      taking.sink.commit({ ...part.held, sha256 });
      this.#forget();
      this.dispatch({ type: 'checkpointTaken', id: part.id, held: part.held, sha256, bytes: part.total });
    } catch (error) {
      this.#fail(messageOf(error));
    }
  }

  abandon(): void {
    this.#taking?.sink.abandon();
    this.#forget();
  }

  #forget(): void {
    this.#taking?.stopWaiting();
    this.#taking?.link?.close();
    this.#taking = undefined;
  }

  #fail(reason: string): void {
    const id = this.#taking!.id;
    this.abandon();
    this.dispatch({ type: 'checkpointFailed', id, reason });
  }

  #await(taking: Taking): void {
    taking.stopWaiting();
    taking.stopWaiting = this.clock.after(limits.checkpointTimeoutMs, () =>
      this.#fail(`its worker sent nothing for ${limits.checkpointTimeoutMs / 1000} s`),
    );
  }
}
