// Gets a worker's training state part by part, as fast as the disk takes it, and writes it as a checkpoint.
import { createHash, randomUUID, type Hash } from 'node:crypto';
import { limits, messageOf, StillhouseError } from '@stillhouse/core';
import {
  encodeMessage,
  type Clock,
  type CoordinatorEvent,
  type Link,
  type ToCoordinator,
} from '@stillhouse/core/cluster';
import type { CheckpointSink, RunStore } from './run-store.js';

type Part = ToCoordinator & { type: 'statePart' };

interface Incoming {
  readonly id: number;
  /** What only the worker knows that was asked for its state. */
  readonly key: string;
  /** The link that it arrives over, once it does. */
  link: Link | undefined;
  readonly sink: CheckpointSink;
  readonly hash: Hash;
  received: number;
  stopWaiting: () => void;
}

export class CheckpointReceiver {
  #incoming: Incoming | undefined;

  constructor(
    private readonly store: Pick<RunStore, 'beginCheckpoint'>,
    private readonly clock: Clock,
    private readonly dispatch: (event: CoordinatorEvent) => void,
  ) {}

  /** @param worker the worker that must send its state; it does so over another link */
  begin(id: number, worker: Link | undefined): void {
    this.abandon();
    try {
      this.#incoming = {
        id,
        key: randomUUID(),
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
    worker?.send(...encodeMessage({ type: 'capture', id, key: this.#incoming.key }));
    this.#await(this.#incoming);
  }

  /** Another link of the worker that was asked: its state may come. */
  open({ id, key }: { readonly id: number; readonly key: string }, link: Link | undefined): void {
    const incoming = this.#incoming;
    // A checkpoint that was given up, another worker, or the same a second time.
    if (!link || incoming?.id !== id || incoming.key !== key || (incoming.link ?? link) !== link) return link?.close();
    incoming.link = link;
    link.admit({ frameBytes: limits.statePartBytes + limits.helloBytes });
    link.send(...encodeMessage({ type: 'nextPart', offset: incoming.received }));
  }

  receive(part: Part, link: Link | undefined): void {
    const incoming = this.#incoming;
    // A checkpoint that was given up, or one that this link does not belong to.
    if (!link || incoming?.id !== part.id || incoming.link !== link) return link?.close();
    if (part.offset !== incoming.received) return;
    try {
      if (incoming.received + part.bytes.byteLength > part.total)
        throw new StillhouseError('PROTOCOL_VIOLATION', 'a state is longer than announced');
      incoming.sink.write(part.bytes);
      incoming.hash.update(part.bytes);
      incoming.received += part.bytes.byteLength;
      if (part.bytes.byteLength === 0) throw new StillhouseError('PROTOCOL_VIOLATION', 'an empty part of a state');
      if (incoming.received < part.total) {
        link?.send(...encodeMessage({ type: 'nextPart', offset: incoming.received }));
        return this.#await(incoming);
      }
      const sha256 = incoming.hash.digest('hex');
      incoming.sink.commit({ ...part.held, sha256 });
      this.#forget();
      this.dispatch({ type: 'checkpointTaken', id: part.id, held: part.held, sha256, bytes: part.total });
    } catch (error) {
      this.#fail(messageOf(error));
    }
  }

  abandon(): void {
    this.#incoming?.sink.abandon();
    this.#forget();
  }

  #forget(): void {
    this.#incoming?.stopWaiting();
    this.#incoming?.link?.close();
    this.#incoming = undefined;
  }

  #fail(reason: string): void {
    const id = this.#incoming!.id;
    this.abandon();
    this.dispatch({ type: 'checkpointFailed', id, reason });
  }

  #await(incoming: Incoming): void {
    incoming.stopWaiting();
    incoming.stopWaiting = this.clock.after(limits.checkpointTimeoutMs, () =>
      this.#fail(`its worker sent nothing for ${limits.checkpointTimeoutMs / 1000} s`),
    );
  }
}
