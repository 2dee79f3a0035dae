// The hash that identifies blocks, files and prepared sets.
import { createHash } from 'node:crypto';

/** @returns 64 hexadecimal digits */
export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
