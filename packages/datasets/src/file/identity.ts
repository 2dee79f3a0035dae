// The identity of a file when it was read: its size, time of change and hash.
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { unreadable } from './places.js';

export const fileIdentity = z.object({
  path: z.string(),
  bytes: z.number(),
  modifiedMs: z.number(),
  sha256: z.string(),
});
/** The identity of a file when it was prepared. */
export type FileIdentity = Readonly<z.output<typeof fileIdentity>>;

/**
 * Size, time of change and hash of a file.
 * @param known its earlier identity; a file with the same size and time is assumed to have the same bytes
 * @throws StillhouseError DATA_NOT_FOUND
 */
export async function identify(path: string, known?: FileIdentity): Promise<FileIdentity> {
  try {
    const { size: bytes, mtimeMs: modifiedMs } = statSync(path);
    if (known && known.bytes === bytes && known.modifiedMs === modifiedMs) return known;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
    return { path, bytes, modifiedMs, sha256: hash.digest('hex') };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
