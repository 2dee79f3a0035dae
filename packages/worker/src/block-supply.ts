// Where a worker's blocks come from: a folder that it shares with the coordinator, its own cache, the network. Each is
// verified by its hash; one that is not what it should be is named, and fetched again.
import { limits, StillhouseError, toErrorRecord } from '@stillhouse/core';
import { sha256, type BlockCache, type BlockSource } from '@stillhouse/datasets';
import type { BlockClient } from './block-client.js';

export class BlockSupply {
  #running = 0;
  readonly #queue: (() => void)[] = [];

  /**
   * @param local looked at first, in this order; they verify what they give
   * @param cache keeps what comes over the network
   */
  constructor(
    private readonly local: readonly BlockSource[],
    private readonly network: Pick<BlockClient, 'fetch'>,
    private readonly cache: BlockCache | undefined,
    private readonly log: (message: string) => void,
  ) {}

  /** @throws StillhouseError BLOCK_CORRUPT if it comes with other bytes again and again */
  async fetch(hash: string): Promise<Uint8Array> {
    await this.#turn();
    try {
      return (await this.#fromDisk(hash)) ?? (await this.#fromNetwork(hash));
    } finally {
      this.#running -= 1;
      this.#queue.shift()?.();
    }
  }

  /** A few at a time, in the order in which they are asked for. */
  async #turn(): Promise<void> {
    if (this.#running >= limits.blocksAtOnce) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#running += 1;
  }

  async #fromDisk(hash: string): Promise<Uint8Array | undefined> {
    for (const source of this.local) {
      try {
        const bytes = await source.read(hash);
        if (bytes) return bytes;
      } catch (error) {
        this.log(`${toErrorRecord(error).message}; it is fetched again`);
      }
    }
    return undefined;
  }

  async #fromNetwork(hash: string): Promise<Uint8Array> {
    for (let tries = 1; ; tries++) {
      const bytes = await this.network.fetch(hash);
      if (sha256(bytes) === hash) {
        this.cache?.keep(hash, bytes);
        return bytes;
      }
      const message = `block ${hash.slice(0, 12)} arrived with other bytes than it was announced with`;
      if (tries === limits.blockTries) throw new StillhouseError('BLOCK_CORRUPT', message);
      this.log(`${message}; it is fetched again`);
    }
  }
}
