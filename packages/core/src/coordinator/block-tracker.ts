// Which workers were sent which blocks, so that others get them there and the coordinator sends each only once.
import { limits } from '../error/limits.js';

export class BlockTracker {
  /** Addresses of workers by the hash of the block; the address that was named last comes last. */
  readonly #holders = new Map<string, readonly string[]>();

  /** A worker that has the block, if one is known. From now on the worker that asks is assumed to have it, too. */
  refer(hash: string, asker: string, isThere: (address: string) => boolean): string | undefined {
    const known = this.#holders.get(hash) ?? [];
    const [first, ...rest] = known.filter((address) => address !== asker && isThere(address));
    if (first !== undefined) this.#holders.set(hash, [...rest, first, asker].slice(-limits.blockHolders));
    return first;
  }

  /** The coordinator has sent the block itself, because it knew no worker, or none that still has it. */
  sent(hash: string, asker: string): void {
    this.#holders.set(hash, [asker]);
  }
}
