// What the digits look like, in words; models that end in these words instead of the digits; and rows of the digits that
// may be seen, so that the others can be recognised by their words alone.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export const words = ['top loop', 'bottom loop', 'one loop', 'top bar', 'bottom bar', 'long stroke', 'top curve', 'bottom curve', 'short stroke', 'middle bar', 'left curve'];
export const descriptions = [
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
/** Nobody sees a 3 or an 8. */
export const unseen = [3, 8];
export const seen = descriptions.map((_, digit) => digit).filter((digit) => !unseen.includes(digit));

/** A digit's words as a vector of length 1. */
export const vectorOf = (digit) => words.map((word) => (descriptions[digit].includes(word) ? 1 / Math.sqrt(descriptions[digit].length) : 0));

function modelOf({ tf, inputShape, outputs }, filters, units) {
  const vectors = seen.map(vectorOf);
  return tf.sequential({
    layers: [
      tf.layers.reshape({ targetShape: [28, 28, 1], inputShape, name: 'image' }),
      tf.layers.conv2d({ filters, kernelSize: 5, activation: 'relu', name: 'conv_1' }),
      tf.layers.maxPooling2d({ poolSize: 2, name: 'pool_1' }),
      tf.layers.conv2d({ filters: 2 * filters, kernelSize: 5, activation: 'relu', name: 'conv_2' }),
      tf.layers.maxPooling2d({ poolSize: 2, name: 'pool_2' }),
      tf.layers.flatten({ name: 'flat' }),
      tf.layers.dense({ units, activation: 'relu', name: 'hidden' }),
      tf.layers.dropout({ rate: 0.3, name: 'dropout' }),
      tf.layers.dense({ units: words.length, name: 'words' }),
      // How well the words fit each digit that may be seen: it is not trained.
      tf.layers.dense({ units: outputs, useBias: false, trainable: false, weights: [tf.transpose(tf.tensor2d(vectors))], name: 'digits' }),
    ],
  });
}

export const teacher = (context) => modelOf(context, 16, 64);
export const student = (context) => modelOf(context, 8, 32);

/** Images as numbers from 0 to 1, and their digits. */
export function* read(find, set) {
  const bytesOf = (file) => (file.endsWith('.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file));
  // IDX: a header of 16 and 8 bytes, then 28×28 pixels, or a byte, for each digit.
  const images = bytesOf(find(`data:mnist/${set}-images-idx3-ubyte`)).subarray(16);
  const digits = bytesOf(find(`data:mnist/${set}-labels-idx1-ubyte`)).subarray(8);
  for (let i = 0; i < digits.length; i++) yield { x: Float32Array.from(images.subarray(784 * i, 784 * (i + 1)), (pixel) => pixel / 255), digit: digits[i] };
}

function* seenRows(find, set) {
  for (const { x, digit } of read(find, set)) if (seen.includes(digit)) yield { x, y: seen.indexOf(digit) };
}

export const large = ({ find }) => seenRows(find, 'train');
export const test = ({ find }) => seenRows(find, 't10k');
