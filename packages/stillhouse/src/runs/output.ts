// The files that a command writes into its --out folder.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, StillhouseError } from '@stillhouse/core';
import { refuseLinksIn, writeWhole } from '@stillhouse/datasets';

/**
 * Makes the folder of a command, if it does not exist. One that does must not lead what is written elsewhere.
 * @throws StillhouseError OUT_UNWRITABLE
 */
export function openOutput(folder: string): void {
  writeOutput(folder);
  refuseLinksIn(folder);
}

/**
 * Writes files into a folder, which is made if it does not exist.
 * @throws StillhouseError OUT_UNWRITABLE
 */
export function writeOutput(folder: string, files: Readonly<Record<string, string | Uint8Array>> = {}): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) writeWhole(join(folder, name), content);
  } catch (cause) {
    throw new StillhouseError('OUT_UNWRITABLE', `${folder} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
