// Copies training states for checkpoints, and sends the copies to the coordinator over separate links, part by part as
// it asks for them. It may run in a separate thread if the buffers are in shared memory.
import type { Link, Transport } from '@stillhouse/core/cluster';
import { messageOf } from '@stillhouse/core';
import { decodeToWorker, encodeMessage, type Held } from '@stillhouse/core/cluster';
import { lengthOf, partAt } from '@stillhouse/core/cluster';

/** The checkpoint that the coordinator asked for, and the coordinator's address. */
export interface Capture {
  readonly id: number;
  /** What shows the coordinator that it asked this worker. */
  readonly key: string;
  readonly held: Held;
  readonly parts: readonly Uint8Array[];
  readonly address: string;
}

export interface StateUploader {
  /** Resolves once the parts are copied; until then they must not change. */
  take(capture: Capture): Promise<void>;
  close(): void;
}

/** A copy of the same size reuses the memory of the one before, because fresh pages cost more than the copy. */
function copyInto(before: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const total = lengthOf(parts);
  const copy = before.byteLength === total ? before : new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    copy.set(part, offset);
    offset += part.byteLength;
  }
  return copy;
}

export class StateUpload implements StateUploader {
  #copy: Uint8Array = new Uint8Array();
  #link: Link | undefined;
  /** Counts captures: a newer capture stops older ones. */
  #newest = 0;

  constructor(
    private readonly transport: Transport,
    private readonly log: (message: string, fields?: Record<string, unknown>) => void,
  ) {}

  async take(capture: Capture): Promise<void> {
    this.close();
    const number = this.#newest;
    this.#copy = copyInto(this.#copy, capture.parts);
    this.#send(capture, number).catch((error: unknown) =>
      this.log(`a checkpoint could not be sent: ${messageOf(error)}`),
    );
  }

  close(): void {
    this.#newest += 1;
    // Copied at once: the memory is about to be overwritten.
    this.#link?.abort();
    this.#link = undefined;
  }

  async #send({ id, key, held, address }: Capture, number: number): Promise<void> {
    const link = await this.transport.connect(address);
    if (number !== this.#newest) return link.abort();
    this.#link = link;
    const copy = this.#copy;
    const total = copy.byteLength;
    const sendPart = (offset: number): void => {
      const bytes = partAt([copy], offset);
      link.send(...encodeMessage({ type: 'statePart', id, held, offset, total, bytes }));
      if (offset + bytes.byteLength >= total) link.close();
    };
    link.onFrame((frame) => {
      try {
        const message = decodeToWorker(frame);
        if (message.type === 'nextPart') sendPart(message.offset);
      } catch (error) {
        this.log(`a checkpoint could not be sent: ${messageOf(error)}`);
        link.abort();
      }
    });
    link.send(...encodeMessage({ type: 'upload', id, key }));
  }
}
