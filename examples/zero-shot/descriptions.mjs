// What the digits look like, in words; and rows of the digits that may be seen, labelled by their words, so that the
// others can be recognised by nothing but their words.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const words = [
  'top loop',
  'bottom loop',
  'one loop',
  'top bar',
  'bottom bar',
  'long stroke',
  'top curve',
  'bottom curve',
  'short stroke',
  'middle bar',
  'left curve',
];
const descriptions = [
  ['one loop'],
  ['long stroke'],
  ['top curve', 'bottom bar'],
  ['top curve', 'bottom curve'],
  ['short stroke', 'middle bar', 'long stroke'],
  ['top bar', 'short stroke', 'bottom curve'],
  ['left curve', 'bottom loop'],
  ['top bar', 'long stroke'],
  ['top loop', 'bottom loop'],
  ['top loop', 'long stroke'],
];
/** Nobody learns what a 3 or an 8 is. */
export const unseen = [3, 8];
export const seen = descriptions.map((_, digit) => digit).filter((digit) => !unseen.includes(digit));

/** Each digit's words as a vector of length 1. */
export const vectors = descriptions.map((own) =>
  words.map((word) => (own.includes(word) ? 1 / Math.sqrt(own.length) : 0)),
);

/** Pictures of 28×28 numbers from 0 to 1, and their digits. */
export function* read(find, set) {
  const bytesOf = (file) => (file.endsWith('.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file));
  // IDX: a header of 16 and 8 bytes, then 28×28 pixels, or a byte, per digit.
  const images = bytesOf(find(`data:mnist/${set}-images-idx3-ubyte`)).subarray(16);
  const digits = bytesOf(find(`data:mnist/${set}-labels-idx1-ubyte`)).subarray(8);
  for (let i = 0; i < digits.length; i++)
    yield {
      x: new Float32Array(images.subarray(784 * i, 784 * (i + 1))).map((pixel) => pixel / 255),
      digit: digits[i],
    };
}

function* seenRows(find, set) {
  for (const { x, digit } of read(find, set)) if (seen.includes(digit)) yield { x, y: vectors[digit] };
}

function* pictures(find, set) {
  for (const { x } of read(find, set)) yield { x };
}

export const large = ({ find }) => seenRows(find, 'train');
export const test = ({ find }) => seenRows(find, 't10k');
/** Of all ten digits, without labels. */
export const pool = ({ find }) => pictures(find, 'train');
