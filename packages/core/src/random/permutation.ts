// A keyed permutation of [0, size), computed on the fly in constant memory: a Feistel network over the next even
// power of two, walked along its cycle until it lands inside the domain (Black and Rogaway, 2002).
import { hashWords, mix32 } from './random.js';
import { invariant } from '../error/errors.js';

const rounds = 6;

export interface Permutation {
  readonly size: number;
  /** The element at a position; a bijection on [0, size). */
  at(index: number): number;
  /** The position of an element. */
  indexOf(element: number): number;
}

export function keyedPermutation(size: number, ...key: number[]): Permutation {
  invariant(Number.isSafeInteger(size) && size >= 1 && size <= 2 ** 52, `permutation size ${size}`);
  const halfBits = Math.max(1, Math.ceil(Math.log2(size) / 2));
  const half = 2 ** halfBits;
  const keys = Array.from({ length: rounds }, (_, round) => hashWords(...key, size, round));

  const encipher = (value: number): number => {
    let left = Math.floor(value / half);
    let right = value % half;
    for (const roundKey of keys) {
      const mixed = (left ^ mix32(mix32(right ^ roundKey) + roundKey)) & (half - 1);
      left = right;
      right = mixed >>> 0;
    }
    return left * half + right;
  };

  const decipher = (value: number): number => {
    let left = Math.floor(value / half);
    let right = value % half;
    for (let round = rounds - 1; round >= 0; round--) {
      const mixed = (right ^ mix32(mix32(left ^ keys[round]!) + keys[round]!)) & (half - 1);
      right = left;
      left = mixed >>> 0;
    }
    return left * half + right;
  };

  return {
    size,
    at(index) {
      invariant(index >= 0 && index < size, `position ${index} of ${size}`);
      let value = encipher(index);
      while (value >= size) value = encipher(value);
      return value;
    },
    indexOf(element) {
      invariant(element >= 0 && element < size, `element ${element} of ${size}`);
      let value = decipher(element);
      while (value >= size) value = decipher(value);
      return value;
    },
  };
}
