// A folder of blocks, each a file named by its hash. Files get their final names last, so every file there is complete.
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StillhouseError } from '@stillhouse/core';
import { sha256 } from '../file/sha256.js';
import { writeWhole } from '../file/write-whole.js';

/** Finds bytes of the run by their hash. */
export interface BlockSource {
  /** Undefined if they are not here. May reject if they cannot be read or have changed. */
  read(hash: string): Promise<Uint8Array | undefined>;
}

export class BlockFolder implements BlockSource {
  constructor(readonly path: string) {}

  file(hash: string): string {
    return join(this.path, hash);
  }

  has(hash: string): boolean {
    return existsSync(this.file(hash));
  }

  remove(hash: string): void {
    rmSync(this.file(hash), { force: true });
  }

  /** @throws StillhouseError DATA_SPACE */
  write(hash: string, bytes: Uint8Array): void {
    try {
      mkdirSync(this.path, { recursive: true });
      // Verified by its hash whenever it is read.
      writeWhole(this.file(hash), bytes, { isSynced: false });
    } catch (cause) {
      throw notWritten(this.path, cause);
    }
  }

  /** @throws StillhouseError BLOCK_CORRUPT, naming the file */
  async read(hash: string): Promise<Uint8Array | undefined> {
    let bytes: Uint8Array;
    try {
      bytes = await readFile(this.file(hash));
    } catch {
      return undefined;
    }
    if (sha256(bytes) !== hash)
      throw new StillhouseError('BLOCK_CORRUPT', `${this.file(hash)} does not contain the bytes that were written`, {
        next: 'Check the disk, remove the file, and run again: the block is then prepared again.',
      });
    return bytes;
  }
}

export const notWritten = (path: string, cause: unknown): StillhouseError =>
  new StillhouseError('DATA_SPACE', `${path} cannot be written: ${messageOf(cause)}`, { cause });

/**
 * Blocks from the network, up to a number of bytes; the oldest are dropped. A full disk costs time but does not end the
 * run.
 */
export class BlockCache implements BlockSource {
  /** Bytes by name, the oldest first. */
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  #isFull = false;
  readonly #folder: BlockFolder;

  /** @param log called with what cannot be kept */
  constructor(
    path: string,
    private readonly maxBytes: number,
    private readonly log: (message: string) => void,
  ) {
    this.#folder = new BlockFolder(path);
    const files = (existsSync(path) ? readdirSync(path) : []).flatMap((name) => {
      const stats = statSync(join(path, name), { throwIfNoEntry: false });
      return stats ? [{ name, bytes: stats.size, modifiedMs: stats.mtimeMs }] : [];
    });
    for (const { name, bytes } of files.sort((a, b) => a.modifiedMs - b.modifiedMs)) this.#count(name, bytes);
  }

  async read(hash: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#folder.read(hash);
    } catch (error) {
      this.#drop(hash);
      throw error;
    }
  }

  keep(hash: string, bytes: Uint8Array): void {
    if (bytes.byteLength > this.maxBytes) return;
    try {
      while (this.#bytes + bytes.byteLength > this.maxBytes) this.#drop(this.#sizes.keys().next().value!);
      this.#folder.write(hash, bytes);
      this.#count(hash, bytes.byteLength);
    } catch (error) {
      if (!this.#isFull) this.log(`${messageOf(error)}; blocks are fetched again when they are needed again`);
      this.#isFull = true;
    }
  }

  #count(name: string, bytes: number): void {
    this.#bytes += bytes - (this.#sizes.get(name) ?? 0);
    this.#sizes.set(name, bytes);
  }

  #drop(name: string): void {
    this.#folder.remove(name);
    this.#bytes -= this.#sizes.get(name) ?? 0;
    this.#sizes.delete(name);
  }
}
