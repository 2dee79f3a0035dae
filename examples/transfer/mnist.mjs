// MNIST's digits with two kinds of labels: which digit it is, and whether it is odd.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

function read(file) {
  const bytes = readFileSync(file);
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

function* rows(find, set, question) {
  // IDX: a header of 16 and 8 bytes, then 28×28 pixels, or a byte, per digit.
  const images = read(find(`data:mnist/${set}-images-idx3-ubyte`)).subarray(16);
  const labels = read(find(`data:mnist/${set}-labels-idx1-ubyte`)).subarray(8);
  for (let i = 0; i < labels.length; i++)
    yield {
      x: new Float32Array(images.subarray(784 * i, 784 * (i + 1))).map((pixel) => pixel / 255),
      y: question(labels[i]),
    };
}

export const digits = ({ find }) => rows(find, 'train', (digit) => digit);
export const testDigits = ({ find }) => rows(find, 't10k', (digit) => digit);
export const parity = ({ find }) => rows(find, 'train', (digit) => digit % 2);
export const testParity = ({ find }) => rows(find, 't10k', (digit) => digit % 2);
