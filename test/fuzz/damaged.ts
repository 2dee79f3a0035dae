// Damage to bytes, as disks, networks and attackers do it.
import type { RandomStream } from '@stillhouse/core';

/** Flips, overwrites, cuts, repeats and removes pieces, sometimes several. */
export function damaged(bytes: Uint8Array, next: RandomStream): Uint8Array {
  let out: Buffer = Buffer.from(bytes);
  const at = (): number => Math.floor(next() * Math.max(1, out.length));
  for (let edits = 1 + Math.floor(next() * 6); edits > 0; edits--) {
    const [from, length] = [at(), 1 + Math.floor(next() * 40)];
    switch (Math.floor(next() * 6)) {
      case 0:
        if (out.length) out[from] ^= 1 << Math.floor(next() * 8);
        break;
      case 1:
        out.fill(Math.floor(next() * 256), Math.min(from, out.length), Math.min(out.length, from + length));
        break;
      case 2:
        out = out.subarray(0, from);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, from), out.subarray(from + length)]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, from + length), out.subarray(from)]);
        break;
      default:
        // Numbers that lengths and counts like to be.
        Buffer.from(
          [
            [0xff, 0xff, 0xff, 0xff],
            [0xff, 0xff, 0xff, 0x7f],
            [0, 0, 0, 0],
            [0, 0, 0, 0x80],
          ][Math.floor(next() * 4)],
        ).copy(out, Math.min(from, out.length));
    }
  }
  return out;
}
