// What a caller sees. Nothing here comes from another package, TensorFlow.js included: what is needed of it is written
// down.

/** A cell: null, undefined, NaN, an empty text, NA, N/A, null or ? is a missing one. Times are `Date`s. */
export type Cell = number | bigint | string | boolean | { getTime(): number } | null | undefined;

/** Cells by the name of their column. */
export type TableRow = Readonly<Record<string, Cell>>;

/** Numbers as they were before scaling, such as bytes of an image. */
export type Numbers = readonly number[] | Float32Array | Float64Array | Int32Array | Uint8Array | Uint8ClampedArray;

/** Numbers of one row, nested in its shape. */
export type NestedNumbers = readonly (readonly number[] | NestedNumbers)[];

/** A tensor of TensorFlow.js: of the shape of a row, or with one more dimension for several rows. */
export interface NumberTensor {
  readonly shape: readonly number[];
  data(): Promise<ArrayLike<number>>;
}

/** `ImageData`: bytes of red, green, blue and alpha. */
export interface ImagePixels {
  readonly width: number;
  readonly height: number;
  readonly data: ArrayLike<number>;
}

/** An `HTMLCanvasElement` or `OffscreenCanvas`. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  getContext(type: '2d'): { getImageData(x: number, y: number, width: number, height: number): ImagePixels } | null;
}

/** A row as the model's data has it: cells for a table, else numbers, or an image of the model's size. */
export type InputRow = TableRow | Numbers | ImagePixels | Canvas;

export interface Prediction {
  /** Values in their own units, one per target, for regression. */
  readonly values?: readonly number[];
  /**
   * Standard deviations of the values, if the model gives them; for a transformed target half the distance between the
   * quantiles 0.159 and 0.841, around the median.
   */
  readonly deviations?: readonly number[];
  /** The most probable class if classes exclude each other, otherwise one class per output. */
  readonly class?: string | readonly string[];
  /** One per class, in the order of `Student.classes`; if classes do not exclude each other, that of 1 per output. */
  readonly probabilities?: readonly number[];
}

export interface Student {
  /**
   * Names of the classes in the order of `probabilities`; empty for regression, and if the data numbers its classes.
   */
  readonly classes: readonly string[];
  /** Names of the columns that `values` predicts, in their order; empty if they have none. */
  readonly targets: readonly string[];
  /**
   * Predicts one row; an array of numbers is one.
   * @throws StudentError DATA_COLUMN, DATA_CELL, PREDICT_ROW, naming the row
   */
  predict(row: InputRow): Promise<Prediction>;
  /** Predicts a list of rows; any array except one of numbers is a list. */
  predict(rows: readonly (InputRow | NestedNumbers | NumberTensor)[]): Promise<Prediction[]>;
  /** Predicts a tensor: one row if it has the shape of a row, a list if it has one more dimension. */
  predict(rows: NumberTensor): Promise<Prediction | Prediction[]>;
  /** Frees the model's memory. */
  dispose(): void;
}

/** A model of TensorFlow.js. */
export interface TensorFlowModel {
  predict(input: never, options: { batchSize: number }): unknown;
  dispose(): unknown;
}

/** What is used of TensorFlow.js 4, whose module (`import * as tf`) or global `tf` fits. */
export interface TensorFlow {
  tensor(values: Float32Array, shape: number[]): { dispose(): void };
  loadLayersModel(handler: never): Promise<TensorFlowModel>;
  readonly io: { fromMemory(artifacts: never): unknown };
}
