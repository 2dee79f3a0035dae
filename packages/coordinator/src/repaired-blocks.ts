// The blocks of a run as its coordinator hands them out. A corrupt or missing block is prepared again from its sources.
import { limits, messageOf, StillhouseError } from '@stillhouse/core';
import type { BlockFolder, BlockSource } from '@stillhouse/datasets';

export class RepairedBlocks implements BlockSource {
  #repairing: Promise<void> | undefined;
  readonly #known: ReadonlySet<string>;
  #repairs = 0;

  /**
   * @param repair writes what is missing in the folder
   * @param onSpoilt called with the reason why a block cannot be used
   */
  constructor(
    private readonly folder: BlockFolder,
    known: Iterable<string>,
    private readonly repair: () => Promise<unknown>,
    private readonly onSpoilt: (why: string) => void,
  ) {
    this.#known = new Set(known);
  }

  /** @throws StillhouseError BLOCK_CORRUPT, and what preparing throws, such as DATA_CHANGED */
  async read(hash: string): Promise<Uint8Array | undefined> {
    if (!this.#known.has(hash)) return undefined;
    const repairsBefore = this.#repairs;
    let why = `${this.folder.file(hash)} is missing`;
    try {
      const bytes = await this.folder.read(hash);
      if (bytes) return bytes;
    } catch (error) {
      why = messageOf(error);
    }
    // Another request may have found the same block corrupt, and begun to repair it, or even finished.
    if (!this.#repairing && this.#repairs === repairsBefore) {
      if (++this.#repairs > limits.blockRepairs)
        throw new StillhouseError('BLOCK_CORRUPT', `${why}, even after ${limits.blockRepairs} repairs`);
      this.onSpoilt(`${why}; it is prepared again`);
      this.folder.remove(hash);
      this.#repairing = this.repair()
        .then(() => undefined)
        .finally(() => (this.#repairing = undefined));
    }
    await this.#repairing;
    return this.read(hash);
  }
}
