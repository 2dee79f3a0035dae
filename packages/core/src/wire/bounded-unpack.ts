// MessagePack from others: a survey of the bytes refuses what a message never contains, and bounds what reading them
// builds, before anything is built.
import { unpack } from 'msgpackr';
import { limits } from '../error/limits.js';

export interface UnpackBounds {
  /** Values in it: elements, keys, and the lists and maps themselves. */
  readonly values: number;
  /** Bytes of its texts altogether. */
  readonly textBytes: number;
}

/** Something other than a message; the text names no part of what was sent. */
class Unfit extends Error {}

/** Lists and maps around the current place. */
interface Level {
  /** Values that are left in it. */
  left: number;
  readonly isMap: boolean;
}

class Survey {
  #at = 0;
  #values = 0;
  #textBytes = 0;
  readonly #view: DataView;
  readonly #levels: Level[] = [];

  constructor(
    private readonly bytes: Uint8Array,
    private readonly bounds: UnpackBounds,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @throws Unfit */
  run(): void {
    this.#value(false);
    for (let level = this.#levels.at(-1); level; level = this.#levels.at(-1)) {
      if (level.left === 0) this.#levels.pop();
      else {
        // Keys and values of a map alternate.
        const isKey = level.isMap && level.left % 2 === 0;
        level.left -= 1;
        this.#value(isKey);
      }
    }
    if (this.#at !== this.bytes.byteLength) throw new Unfit('bytes follow it');
  }

  #value(isKey: boolean): void {
    if (++this.#values > this.bounds.values) throw new Unfit('it has too many values');
    const token = this.#number(1);
    if (token >= 0xa0 && token < 0xc0) return this.#text(token & 0x1f);
    if (token >= 0xd9 && token <= 0xdb) return this.#text(this.#number(2 ** (token - 0xd9)));
    if (isKey) throw new Unfit('a key is not a text');
    if (token < 0x80 || token >= 0xe0) return;
    if (token < 0x90) return this.#enter(2 * (token & 0x0f), true);
    if (token < 0xa0) return this.#enter(token & 0x0f, false);
    this.#marked(token);
  }

  #marked(token: number): void {
    switch (token) {
      case 0xc0: // null
      case 0xc2: // false
      case 0xc3: // true
        return;
      case 0xc4: // bytes
      case 0xc5:
      case 0xc6:
        return this.#skip(this.#number(2 ** (token - 0xc4)));
      case 0xca: // float32
      case 0xcb: // float64
        return this.#skip(token === 0xca ? 4 : 8);
      case 0xcc: // u8, u16, u32
      case 0xcd:
      case 0xce:
        return this.#skip(2 ** (token - 0xcc));
      case 0xd0: // i8, i16, i32
      case 0xd1:
      case 0xd2:
        return this.#skip(2 ** (token - 0xd0));
      case 0xdc: // list
      case 0xdd:
        return this.#enter(this.#number(token === 0xdc ? 2 : 4), false);
      case 0xde: // map
      case 0xdf:
        return this.#enter(2 * this.#number(token === 0xde ? 2 : 4), true);
      default:
        // Extensions, and integers of 64 bits, which become BigInt.
        throw new Unfit('it has values that messages do not have');
    }
  }

  #enter(left: number, isMap: boolean): void {
    // Each value takes a byte at least.
    if (left > this.bytes.byteLength - this.#at || left > this.bounds.values - this.#values)
      throw new Unfit('it has too many values');
    if (this.#levels.length >= limits.messageDepth) throw new Unfit('it is nested too deeply');
    this.#levels.push({ left, isMap });
  }

  #text(length: number): void {
    this.#textBytes += length;
    if (this.#textBytes > this.bounds.textBytes) throw new Unfit('its texts are too long');
    this.#skip(length);
  }

  #skip(length: number): void {
    if (length > this.bytes.byteLength - this.#at) throw new Unfit('it is cut off');
    this.#at += length;
  }

  /** An unsigned number of 1, 2 or 4 bytes. */
  #number(length: number): number {
    const at = this.#at;
    this.#skip(length);
    return length === 1 ? this.#view.getUint8(at) : length === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }
}

/**
 * The value, or the reason why it is not one that a message can be.
 * @param bytes MessagePack without extensions and without integers of 64 bits, and nothing after it
 */
export function unpackBounded(bytes: Uint8Array, bounds: UnpackBounds): { value: unknown } | { unfit: string } {
  try {
    new Survey(bytes, bounds).run();
    return { value: unpack(bytes) };
  } catch (error) {
    return { unfit: error instanceof Unfit ? error.message : 'it cannot be read' };
  }
}
