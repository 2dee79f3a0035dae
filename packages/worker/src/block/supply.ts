// Where a worker's blocks come from: a folder that it shares with the coordinator, its own cache, another worker, the
// coordinator. Each is verified by its hash; a corrupt block is named and fetched again.
import pLimit from 'p-limit';
import { limits, messageOf, StillhouseError } from '@stillhouse/core';
import { sha256, type BlockCache, type BlockSource } from '@stillhouse/datasets';
import type { BlockClient } from './client.js';
import type { PeerBlocks } from './peers.js';

export interface BlockSupplyOptions {
  /** Searched first, in this order; they verify what they return. */
  readonly local: readonly BlockSource[];
  readonly coordinator: Pick<BlockClient, 'fetch' | 'locate'>;
  readonly peers: Pick<PeerBlocks, 'fetch'>;
  /** Keeps what arrives over the network. */
  readonly cache: Pick<BlockCache, 'keep'> | undefined;
  readonly log: (message: string) => void;
}

export class BlockSupply {
  /** A few at a time, in the order in which they are requested. */
  readonly #limit = pLimit(limits.blocksAtOnce);
  readonly #fetching = new Map<string, Promise<Uint8Array>>();

  /** How many blocks came from each kind of place. */
  readonly counts = { disk: 0, workers: 0, coordinator: 0 };

  constructor(private readonly options: BlockSupplyOptions) {}

  /**
   * The bytes, shared by all requests at the same time, such as those of windows that meet in a block.
   * @throws StillhouseError BLOCK_CORRUPT if their bytes are wrong in every attempt
   */
  fetch(hash: string): Promise<Uint8Array> {
    let bytes = this.#fetching.get(hash);
    if (!bytes) {
      bytes = this.#limit(() => this.#fetch(hash)).finally(() => this.#fetching.delete(hash));
      this.#fetching.set(hash, bytes);
    }
    return bytes;
  }

  async #fetch(hash: string): Promise<Uint8Array> {
    return (await this.#fromDisk(hash)) ?? this.#fromNetwork(hash);
  }

  async #fromDisk(hash: string): Promise<Uint8Array | undefined> {
    for (const source of this.options.local) {
      try {
        const bytes = await source.read(hash);
        if (!bytes) continue;
        this.counts.disk += 1;
        return bytes;
      } catch (error) {
        this.options.log(`${messageOf(error)}; it is fetched again`);
      }
    }
    return undefined;
  }

  async #fromNetwork(hash: string): Promise<Uint8Array> {
    const { cache, log } = this.options;
    let message = '';
    for await (const { bytes, from, sender } of this.#offers(hash)) {
      if (sha256(bytes) === hash) {
        cache?.keep(hash, bytes);
        this.counts[from] += 1;
        return bytes;
      }
      message = `block ${hash.slice(0, 12)} arrived from ${sender} with bytes that do not match its hash`;
      log(`${message}; it is fetched again`);
    }
    throw new StillhouseError('BLOCK_CORRUPT', message);
  }

  /** From a worker, if the coordinator names one, and from the coordinator itself as often as tries are left. */
  async *#offers(hash: string): AsyncGenerator<{ bytes: Uint8Array; from: 'workers' | 'coordinator'; sender: string }> {
    const { coordinator, peers } = this.options;
    const direct = (bytes: Uint8Array) => ({ bytes, from: 'coordinator', sender: 'the coordinator' }) as const;
    const located = await coordinator.locate(hash);
    if ('bytes' in located) yield direct(located.bytes);
    else {
      const bytes = await peers.fetch(located.at, hash);
      if (bytes) yield { bytes, from: 'workers', sender: located.at };
    }
    for (let tries = 1; tries < limits.blockTries; tries++) yield direct(await coordinator.fetch(hash));
  }
}
