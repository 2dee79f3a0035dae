// Copies training states for checkpoints, and hands the copies to the coordinator over links of their own, part by part
// as it asks for them. In a thread of its own where the buffers lie in shared memory; the command has one.
import type { Link, Transport } from '@stillhouse/core';
import { decodeToWorker, encodeMessage, type Held } from '@stillhouse/core';
import { lengthOf, partAt } from '@stillhouse/core';

/** What the coordinator asked for, and where it is. */
export interface Capture {
  readonly id: number;
  readonly held: Held;
  readonly parts: readonly Uint8Array[];
  readonly address: string;
  readonly token: string;
}

export interface StateUploader {
  /** Resolves once the parts are copied: until then they must not change. */
  take(capture: Capture): Promise<void>;
  close(): void;
}

/** Copies of the same sizes again take the memory of those before, since fresh pages cost more than the copy. */
function copyInto(before: readonly Uint8Array[], parts: readonly Uint8Array[]): Uint8Array[] {
  return parts.map((part, i) => {
    const copy = before[i]?.byteLength === part.byteLength ? before[i] : new Uint8Array(part.byteLength);
    copy.set(part);
    return copy;
  });
}

export class StateUpload implements StateUploader {
  #copies: Uint8Array[] = [];
  #link: Link | undefined;
  /** Counts captures: an older one goes no further. */
  #newest = 0;

  constructor(
    private readonly transport: Transport,
    private readonly log: (message: string, fields?: Record<string, unknown>) => void,
  ) {}

  async take(capture: Capture): Promise<void> {
    this.close();
    const number = this.#newest;
    this.#copies = copyInto(this.#copies, capture.parts);
    this.#send(capture, number).catch((error: unknown) =>
      this.log(`a checkpoint could not be sent: ${error instanceof Error ? error.message : String(error)}`),
    );
  }

  close(): void {
    this.#newest += 1;
    // At once: the memory is about to be written to.
    this.#link?.abort();
    this.#link = undefined;
  }

  async #send({ id, held, address, token }: Capture, number: number): Promise<void> {
    const link = await this.transport.connect(address);
    if (number !== this.#newest) return link.abort();
    this.#link = link;
    const copies = this.#copies;
    const total = lengthOf(copies);
    const sendPart = (offset: number): void => {
      const bytes = partAt(copies, offset);
      link.send(...encodeMessage({ type: 'statePart', token, id, held, offset, total, bytes }));
      if (offset + bytes.byteLength >= total) link.close();
    };
    link.onFrame((frame) => {
      const message = decodeToWorker(frame);
      if (message.type === 'nextPart') sendPart(message.offset);
    });
    sendPart(0);
  }
}
