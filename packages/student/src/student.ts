// A model with what Stillhouse stored with it: rows go in as they are, predictions come out in the data's own terms.
import {
  encodeTableRows,
  encodeTensorRows,
  predictionOf,
  refuseIndices,
  type ModelMetadata,
  type RowErrorFactory,
} from '@stillhouse/core';
import { badModel, badRow, reasonOf, StudentError } from './error.js';
import { readModelFiles, type ModelFiles } from './model-files.js';
import { isObject, numberRows } from './number-rows.js';
import type { NumberTensor, Prediction, Student, TableRow, TensorFlow, TensorFlowModel } from './types.js';

/** Rows that the engine computes at once. */
const batchRows = 256;

const errorOf: RowErrorFactory = (code, message) => new StudentError(code, message);

/** @throws StudentError STUDENT_FORMAT */
async function openModel({ href, artifacts }: ModelFiles, tf: TensorFlow): Promise<TensorFlowModel> {
  try {
    return await tf.loadLayersModel(tf.io.fromMemory(artifacts as never) as never);
  } catch (cause) {
    throw badModel(href, `has no complete model: ${reasonOf(cause)}`, cause);
  }
}

/** @throws StudentError PREDICT_ROW */
function tableRows(input: unknown): TableRow[] {
  const rows: unknown[] = Array.isArray(input) ? input : [input];
  return rows.map((row, i) => {
    if (!isObject(row) || Array.isArray(row) || ArrayBuffer.isView(row))
      throw badRow(i + 1, 'is no object with a cell per column');
    return row as TableRow;
  });
}

interface EncodedRows {
  /** [rowCount, …inputShape]. */
  readonly inputs: Float32Array;
  readonly rowCount: number;
  readonly isOne: boolean;
}

async function encode(input: unknown, { columns, inputShape }: ModelMetadata): Promise<EncodedRows> {
  const [column] = columns;
  if (column?.type === 'tensor') {
    const { rows, isOne } = await numberRows(input, inputShape);
    return { inputs: encodeTensorRows(column, rows, errorOf), rowCount: rows.length, isOne };
  }
  const rows = tableRows(input);
  return { inputs: encodeTableRows(columns, rows, errorOf), rowCount: rows.length, isOne: !Array.isArray(input) };
}

class LoadedStudent implements Student {
  readonly #tf: TensorFlow;
  readonly #model: TensorFlowModel;
  readonly #metadata: ModelMetadata;

  constructor(tf: TensorFlow, model: TensorFlowModel, metadata: ModelMetadata) {
    this.#tf = tf;
    this.#model = model;
    this.#metadata = metadata;
  }

  get classes(): readonly string[] {
    return this.#metadata.classes ?? [];
  }

  get targets(): readonly string[] {
    return this.#metadata.targets.flatMap(({ name }) => name ?? []);
  }

  predict(rows: never): Promise<never>;
  async predict(input: unknown): Promise<Prediction | Prediction[]> {
    const { inputs, rowCount, isOne } = await encode(input, this.#metadata);
    refuseIndices(inputs, this.#metadata, errorOf);
    if (rowCount === 0) return [];
    const outputs = await this.#outputsOf(inputs, [rowCount, ...this.#metadata.inputShape]);
    const width = outputs.length / rowCount;
    const predictions = Array.from({ length: rowCount }, (_, i) =>
      predictionOf(outputs.slice(i * width, (i + 1) * width), this.#metadata),
    );
    return isOne ? predictions[0] : predictions;
  }

  dispose(): void {
    this.#model.dispose();
  }

  /** Outputs [rows, outputs] in inference. */
  async #outputsOf(inputs: Float32Array, shape: number[]): Promise<number[]> {
    const input = this.#tf.tensor(inputs, shape);
    const outputs = this.#model.predict(input as never, { batchSize: batchRows }) as NumberTensor & typeof input;
    try {
      return Array.from(await outputs.data());
    } finally {
      input.dispose();
      outputs.dispose();
    }
  }
}

/**
 * Loads a model that a run wrote: its student, teacher or baseline, as it is or compressed.
 * @param urlOrFolder a folder with model.json and weights.bin, or model.json itself; in a page relative to it, in Node
 * a path or a URL
 * @param tf TensorFlow.js, as the page or program has loaded it
 * @throws StudentError STUDENT_NOT_FOUND, STUDENT_FORMAT
 */
export async function loadStudent(urlOrFolder: string | { readonly href: string }, tf: TensorFlow): Promise<Student> {
  const files = await readModelFiles(typeof urlOrFolder === 'string' ? urlOrFolder : urlOrFolder.href);
  return new LoadedStudent(tf, await openModel(files, tf), files.metadata);
}
