// A folder that came from elsewhere, such as the folder of a run, must not lead writes out of it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { StillhouseError } from '@stillhouse/core';

/**
 * Refuses a folder that contains something other than files and folders at any depth: a symbolic link, or a pipe or
 * device, which would hold up its reader for ever. The folder itself may be a link, since its user names it.
 * @throws StillhouseError OUT_UNWRITABLE
 */
export function refuseLinksIn(folder: string): void {
  if (!existsSync(folder)) return;
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => !entry.isFile() && !entry.isDirectory());
  if (!found) return;
  const path = join(found.parentPath, found.name);
  const why = found.isSymbolicLink()
    ? 'is a symbolic link: what is written there would go elsewhere'
    : 'is neither a file nor a folder';
  throw new StillhouseError('OUT_UNWRITABLE', `${path} ${why}`, {
    next: 'Put the file or folder itself in its place.',
  });
}
