// Rows of numbers in whatever a page or a program has them: arrays, tensors, pixels, canvases.
import { badRow } from './error.js';
import { pixelBytes } from './pixels.js';
import type { Canvas, ImagePixels, NumberTensor } from './types.js';

const isEqual = (a: readonly number[], b: readonly number[]): boolean => String(a) === String(b);

export const isObject = (value: unknown): value is object => Object(value) === value;
const isTensor = (value: object): value is NumberTensor => typeof (value as NumberTensor).data === 'function';
const isCanvas = (value: object): value is Canvas => 'getContext' in value;
const isPixels = (value: object): value is ImagePixels => 'data' in value;

/** @param row counted from 1, for errors */
async function numbersOf(value: unknown, inputShape: readonly number[], row: number): Promise<ArrayLike<number>> {
  if (Array.isArray(value)) return value.flat(Infinity) as number[];
  if (ArrayBuffer.isView(value)) return value as unknown as ArrayLike<number>;
  if (isObject(value)) {
    if (isTensor(value)) return value.data();
    if (isPixels(value)) return pixelBytes(value, inputShape, row);
    const pixels = isCanvas(value) ? value.getContext('2d')?.getImageData(0, 0, value.width, value.height) : undefined;
    if (pixels) return pixelBytes(pixels, inputShape, row);
  }
  throw badRow(row, 'is no array of numbers, tensor, ImageData or canvas');
}

/**
 * The numbers of each row; `isOne` if they were given as one row rather than a list. An array of numbers is one row,
 * any other array a list of rows.
 * @param inputShape of one row
 * @throws StudentError PREDICT_ROW
 */
export async function numberRows(
  input: unknown,
  inputShape: readonly number[],
): Promise<{ rows: ArrayLike<number>[]; isOne: boolean }> {
  if (Array.isArray(input)) {
    const isOne = typeof input[0] === 'number';
    const rows: unknown[] = isOne ? [input] : input;
    return { rows: await Promise.all(rows.map((each, i) => numbersOf(each, inputShape, i + 1))), isOne };
  }
  if (isObject(input) && isTensor(input)) {
    const [count, ...shape] = input.shape;
    const size = inputShape.reduce((product, each) => product * each, 1);
    if (isEqual(shape, inputShape) || isEqual(shape, [size])) {
      const values = Array.from(await input.data());
      return { rows: Array.from({ length: count }, (_, i) => values.slice(i * size, (i + 1) * size)), isOne: false };
    }
  }
  return { rows: [await numbersOf(input, inputShape, 1)], isOne: true };
}
