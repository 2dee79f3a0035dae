// A folder that came from elsewhere, such as the folder of a run, must not lead writes out of it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { StillhouseError } from '@stillhouse/core';

/**
 * Refuses a folder that contains a symbolic link at any depth; the folder itself may be one, since its user names it.
 * @throws StillhouseError OUT_UNWRITABLE
 */
export function refuseLinksIn(folder: string): void {
  if (!existsSync(folder)) return;
  const link = readdirSync(folder, { recursive: true, withFileTypes: true }).find((entry) => entry.isSymbolicLink());
  if (link)
    throw new StillhouseError(
      'OUT_UNWRITABLE',
      `${join(link.parentPath, link.name)} is a symbolic link: what is written there would go elsewhere`,
      { next: 'Put the file or folder itself in its place.' },
    );
}
