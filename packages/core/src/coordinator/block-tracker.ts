// Which workers were sent which blocks, so that others get them there: the coordinator sends each once.
import { limits } from '../error/limits.js';

export class BlockTracker {
  /** Addresses of workers by the hash of the block; whoever was named last comes last. */
  readonly #holders = new Map<string, readonly string[]>();

  /** A worker that has the block, if one is known; the asker is taken for another from now on. */
  refer(hash: string, asker: string, isThere: (address: string) => boolean): string | undefined {
    const known = this.#holders.get(hash) ?? [];
    const [first, ...rest] = known.filter((address) => address !== asker && isThere(address));
    if (first !== undefined) this.#holders.set(hash, [...rest, first, asker].slice(-limits.blockHolders));
    return first;
  }

  /** The coordinator has sent the block itself, since it knew of nobody, or of nobody that has it. */
  sent(hash: string, asker: string): void {
    this.#holders.set(hash, [asker]);
  }
}
