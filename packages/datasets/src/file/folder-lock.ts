// One process at a time works in a folder, even if several hosts share it. The time of a lock shows that its owner is
// alive; the lock of a killed process is taken over after a while.
import { mkdirSync, rmdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { messageOf, StillhouseError } from '@stillhouse/core';

const staleMs = 10_000;
const heartbeatMs = 2_000;
const pollMs = 200;
const waitMs = 3_600_000;

export interface FolderLock {
  /** @throws StillhouseError DATA_LOCKED if another process has taken the folder over */
  assertHeld(): void;
  /** Removes the folder together with the lock, if it is empty. */
  release(): Promise<void>;
}

/**
 * Creates a folder, once no other process works in it.
 * @param timeoutMs how long to wait for another process
 * @throws StillhouseError DATA_LOCKED if that process does not end; what the file system throws
 */
export async function lockFolder(folder: string, timeoutMs = waitMs): Promise<FolderLock> {
  let lost: Error | undefined;
  const unlock = await acquire(folder, timeoutMs, (error) => (lost = error));
  mkdirSync(folder, { recursive: true });
  return {
    assertHeld() {
      if (lost)
        throw new StillhouseError('DATA_LOCKED', `another process has taken over ${folder}: ${messageOf(lost)}`);
    },
    async release() {
      if (lost) return;
      try {
        rmdirSync(folder);
      } catch {
        // It is not empty.
      }
      await unlock();
    },
  };
}

async function acquire(
  folder: string,
  timeoutMs: number,
  onCompromised: (error: Error) => void,
): Promise<() => Promise<void>> {
  const options = {
    lockfilePath: `${folder}.lock`,
    realpath: false,
    stale: staleMs,
    update: heartbeatMs,
    onCompromised,
  };
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    try {
      return await lockfile.lock(folder, options);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ELOCKED') throw cause;
      if (waitedMs >= timeoutMs)
        throw new StillhouseError('DATA_LOCKED', `another process is working in ${folder} and does not end`, { cause });
    }
    await delay(pollMs);
  }
}
