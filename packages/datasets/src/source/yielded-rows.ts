// Rows that are yielded one by one: cells of a table, or { x, y } with numbers. They are stored once, because
// sources are read more than once.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { messageOf, StillhouseError } from '@stillhouse/core';
import { chunkRows } from '../row/chunk.js';
import type { TableReader } from '../table/duckdb.js';
import { jsonLines } from '../table/json-lines.js';
import type { TensorSet } from '../tensor/tensor-set.js';
import type { Rows, Source } from './source.js';

/**
 * @param what names the rows in errors
 * @throws StillhouseError DATA_MODULE, DATA_EMPTY
 */
export async function sourceOfRows(
  what: string,
  rows: Rows,
  { tables, isTable, withLabels }: { tables: TableReader; isTable: boolean; withLabels: boolean },
): Promise<Source> {
  const file = tables.spoolFile('rows');
  if (!isTable) return { type: 'tensors', tensors: await spoolNumbers(what, rows, { file, withLabels }) };
  await spoolCells(what, rows, file);
  return { type: 'table', table: await tables.openFiles([file], jsonLines(what)) };
}

async function* numbered(what: string, rows: Rows): AsyncGenerator<{ row: Record<string, unknown>; where: string }> {
  let index = 0;
  try {
    for await (const row of rows) {
      const where = `${what}, row ${++index}`;
      if (typeof row !== 'object' || row === null || Array.isArray(row))
        throw new StillhouseError('DATA_MODULE', `${where} is not an object`);
      yield { row: row as Record<string, unknown>, where };
    }
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError('DATA_MODULE', `${what}, after row ${index}: ${messageOf(cause)}`, { cause });
  }
}

/** Collects writes into larger ones. */
class Spool {
  readonly #file: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes > 1024 * 1024) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeSync(this.#file, Buffer.concat(this.#parts));
    this.#parts = [];
    this.#bytes = 0;
  }
}

async function spoolCells(what: string, rows: Rows, file: string): Promise<void> {
  const spool = new Spool(file);
  try {
    for await (const { row, where } of numbered(what, rows)) {
      let text: string;
      try {
        text = JSON.stringify(row);
      } catch (cause) {
        throw new StillhouseError('DATA_MODULE', `${where} cannot be written as JSON: ${messageOf(cause)}`, {
          cause,
        });
      }
      spool.add(Buffer.from(`${text}\n`));
    }
  } finally {
    spool.close();
  }
}

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isTyped = (value: unknown): value is ArrayLike<unknown> =>
  ArrayBuffer.isView(value) && !(value instanceof DataView);

function numbersIn(value: unknown): ArrayLike<number> | undefined {
  if (isNumber(value)) return [value];
  // Elements of a typed array are all of one type, a number or a bigint.
  if (isTyped(value)) return typeof value[0] === 'bigint' ? undefined : (value as ArrayLike<number>);
  const list = Array.isArray(value) ? (value as unknown[]).flat(Infinity) : undefined;
  return list?.every(isNumber) ? list : undefined;
}

function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let at = value; Array.isArray(at) || ArrayBuffer.isView(at); at = (at as ArrayLike<unknown>)[0])
    shape.push((at as unknown as ArrayLike<unknown>).length);
  return shape.length ? shape : [1];
}

/**
 * Rows { x, y }: numbers in arrays, nested for their shape, the same for every row; y is not read for rows without
 * labels.
 * @throws StillhouseError DATA_MODULE, DATA_EMPTY
 */
async function spoolNumbers(
  what: string,
  rows: Rows,
  { file, withLabels }: { file: string; withLabels: boolean },
): Promise<TensorSet> {
  const spool = new Spool(file);
  let rowCount = 0;
  let inputShape: number[] | undefined;
  let [size, labelCount] = [0, 0];
  try {
    for await (const {
      row: { x, y },
      where,
    } of numbered(what, rows)) {
      const [inputs, labels] = [numbersIn(x), withLabels ? numbersIn(y) : []];
      const wanted = withLabels ? '{ x, y }' : '{ x }';
      if (!inputs || !labels)
        throw new StillhouseError('DATA_MODULE', `${where} is not ${wanted} with numbers`, {
          next: `Yield ${wanted} with numbers or arrays of numbers, or declare data.table for rows of cells.`,
        });
      if (!inputShape) [inputShape, size, labelCount] = [shapeOf(x), inputs.length, labels.length];
      if (inputs.length !== size || labels.length !== labelCount)
        throw new StillhouseError(
          'DATA_MODULE',
          `${where} has ${inputs.length} inputs and ${labels.length} labels, but the first row has ${size} and ` +
            `${labelCount}`,
        );
      spool.add(new Uint8Array(Float32Array.from(inputs).buffer));
      // A target may be scaled before it is rounded to fp32.
      spool.add(new Uint8Array(Float64Array.from(labels).buffer));
      rowCount += 1;
    }
  } finally {
    spool.close();
  }
  if (!inputShape) throw new StillhouseError('DATA_EMPTY', `${what} yields no rows`);
  return {
    what,
    rowCount,
    inputShape,
    dtype: 'F32',
    isBytes: false,
    classes: undefined,
    labelCount,
    chunks: () => readSpool(file, { rowCount, size, labelCount }),
  };
}

async function* readSpool(
  file: string,
  { rowCount, size, labelCount }: { rowCount: number; size: number; labelCount: number },
): AsyncGenerator<{ rowCount: number; cells: readonly [Float32Array, Float64Array] }> {
  const inputBytes = size * Float32Array.BYTES_PER_ELEMENT;
  const labelBytes = labelCount * Float64Array.BYTES_PER_ELEMENT;
  const rowBytes = inputBytes + labelBytes;
  const descriptor = openSync(file, 'r');
  try {
    for (let first = 0; first < rowCount; first += chunkRows) {
      const count = Math.min(chunkRows, rowCount - first);
      const rows = new Uint8Array(count * rowBytes);
      readSync(descriptor, rows, 0, rows.byteLength, first * rowBytes);
      const inputs = new Float32Array(count * size);
      const labels = new Float64Array(count * labelCount);
      const [inputTarget, labelTarget] = [new Uint8Array(inputs.buffer), new Uint8Array(labels.buffer)];
      for (let i = 0; i < count; i++) {
        const at = i * rowBytes;
        inputTarget.set(rows.subarray(at, at + inputBytes), i * inputBytes);
        labelTarget.set(rows.subarray(at + inputBytes, at + rowBytes), i * labelBytes);
      }
      yield { rowCount: count, cells: [inputs, labels] };
    }
  } finally {
    closeSync(descriptor);
  }
}
