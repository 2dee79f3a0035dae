// Files that are complete or absent: written next to their final name, then renamed.
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes a new file, or a rename, survive a power failure. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Replaces a file: a reader always finds the old content or the new, whatever fails.
 * @param options.mode mode of the new file
 * @param options.isSynced false for a file that is verified when it is read, and so need not survive a power failure
 * @throws what the file system throws
 */
export function writeWhole(
  path: string,
  content: string | Uint8Array,
  { mode = 0o666, isSynced = true }: { mode?: number; isSynced?: boolean } = {},
): void {
  const part = `${path}.${randomUUID()}.part`;
  try {
    const file = openSync(part, 'wx', mode);
    try {
      writeFileSync(file, content);
      if (isSynced) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  } catch (cause) {
    rmSync(part, { force: true });
    throw cause;
  }
  if (isSynced) syncFolder(dirname(path));
}
