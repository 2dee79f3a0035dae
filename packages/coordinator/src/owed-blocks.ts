// The blocks that a worker has asked for and that have not been sent completely: it repeats its requests, and must not
// make the coordinator hold the same bytes many times, or very many bytes at once.
import { limits } from '@stillhouse/core';
import type { Link } from '@stillhouse/core/cluster';

export class OwedBlocks {
  readonly #reading = new Set<string>();
  /** Sent since nothing was waiting on the link. */
  #sent = new Set<string>();

  constructor(private readonly link: Pick<Link, 'isSending'>) {}

  /** What a request calls for: reading the block, nothing because it is on its way, or a refusal. */
  onWanted(hash: string): 'read' | 'onItsWay' | 'tooMany' {
    if (!this.link.isSending) this.#sent = new Set();
    if (this.#reading.has(hash) || this.#sent.has(hash)) return 'onItsWay';
    if (this.#reading.size >= limits.blockQuestionsAtOnce) return 'tooMany';
    this.#reading.add(hash);
    return 'read';
  }

  /** The block was read, and has been given to the link. */
  wasRead(hash: string): void {
    this.#reading.delete(hash);
    this.#sent.add(hash);
  }
}
