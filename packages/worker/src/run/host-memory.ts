// Memory that a worker shares with the other workers of its host: one file without a name per generation. Others find
// it by process and descriptor, and know it by a random number at its beginning, since on another host, or in another
// container, the same process number is somebody else's.
import { randomBytes } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import { sharedMemory } from '@stillhouse/native';
import type { MemoryOffer } from '@stillhouse/core/cluster';
import { pageBytes } from '../flat/memory.js';

export interface OwnMemory {
  /** Descriptor of the file. */
  readonly file: number;
  readonly offer: MemoryOffer;
}

export interface HostMemory {
  /** New memory that others may read; undefined if the system refuses it. */
  create(): OwnMemory | undefined;
  /** The descriptor of another worker's memory; undefined if this process cannot read it. */
  open(offer: MemoryOffer): number | undefined;
  close(file: number): void;
}

/** More than all sums of a worker can take. The file takes memory only where it is written. */
const fileBytes = 2 ** 35;
const nonceBytes = 32;

/**
 * The host's memory; undefined where workers cannot share it: without the native engine's binding, with pages of
 * another size, or if the environment says STILLHOUSE_SHARED_MEMORY=off.
 */
export function hostMemoryOf(env: NodeJS.ProcessEnv): HostMemory | undefined {
  const memory = env['STILLHOUSE_SHARED_MEMORY'] === 'off' ? undefined : sharedMemory(env);
  if (memory?.pageBytes !== pageBytes) return undefined;
  return {
    create() {
      let file: number | undefined;
      try {
        file = memory.create(fileBytes);
        const nonce = randomBytes(nonceBytes);
        writeSync(file, nonce, 0, nonceBytes, 0);
        return { file, offer: { pid: process.pid, file, nonce: nonce.toString('hex') } };
      } catch {
        // Too many files are open, or none may be so long: sockets do as well.
        if (file !== undefined) memory.close(file);
        return undefined;
      }
    },
    open({ pid, file, nonce }) {
      let opened: number | undefined;
      try {
        opened = memory.open(pid, file, fileBytes);
        const found = Buffer.alloc(nonceBytes);
        readSync(opened, found, 0, nonceBytes, 0);
        if (found.toString('hex') === nonce) return opened;
      } catch {
        // The other worker is on another host, or belongs to another user.
      }
      if (opened !== undefined) memory.close(opened);
      return undefined;
    },
    close: (file) => memory.close(file),
  };
}
