// Rows that a user's module yields: cells of a table, or { x, y } with numbers. They are written down once, since sources
// are read more than once.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { StillhouseError } from '@stillhouse/core';
import { locate, type DataPlaces } from '../fetch/files.js';
import { chunkRows, type TensorSet } from '../tensor/tensor-set.js';

type Rows = AsyncIterable<unknown> | Iterable<unknown>;

/** What a module's function is given. */
interface ModuleOptions {
  /** Of the recipe. */
  readonly folder: string;
  /** The file that a path of a recipe stands for, which may begin with data:. */
  readonly find: (path: string) => string;
}

/** @throws StillhouseError DATA_MODULE */
async function rowsOf(path: string, name: string, places: DataPlaces): Promise<Rows> {
  try {
    const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
    const source = module[name];
    if (typeof source !== 'function') throw new Error(`it exports no function ${name}`);
    const rows = (await (source as (options: ModuleOptions) => unknown)({
      folder: places.recipeFolder,
      find: (wanted) => locate(wanted, places),
    })) as Rows | undefined;
    if (!rows || !(Symbol.asyncIterator in rows || Symbol.iterator in rows))
      throw new Error(`what ${name} returns yields no rows`);
    return rows;
  } catch (cause) {
    throw new StillhouseError('DATA_MODULE', `${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function* numbered(path: string, rows: Rows): AsyncGenerator<{ row: Record<string, unknown>; where: string }> {
  let index = 0;
  try {
    for await (const row of rows) {
      const where = `${path}, row ${++index}`;
      if (typeof row !== 'object' || row === null || Array.isArray(row))
        throw new StillhouseError('DATA_MODULE', `${where} is not an object`);
      yield { row: row as Record<string, unknown>, where };
    }
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError(
      'DATA_MODULE',
      `${path}, after row ${index}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
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

/**
 * Writes a module's rows as JSON lines, to be read as a table.
 * @throws StillhouseError DATA_MODULE
 */
export async function spoolCells(
  path: string,
  name: string,
  { places, file }: { places: DataPlaces; file: string },
): Promise<void> {
  const spool = new Spool(file);
  try {
    for await (const { row, where } of numbered(path, await rowsOf(path, name, places))) {
      let text: string;
      try {
        text = JSON.stringify(row);
      } catch (cause) {
        throw new StillhouseError(
          'DATA_MODULE',
          `${where} cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
          { cause },
        );
      }
      spool.add(Buffer.from(`${text}\n`));
    }
  } finally {
    spool.close();
  }
}

const numbersIn = (value: unknown): number[] | undefined => {
  const list =
    typeof value === 'number'
      ? [value]
      : Array.isArray(value)
        ? (value as unknown[]).flat(Infinity)
        : ArrayBuffer.isView(value)
          ? Array.from(value as unknown as ArrayLike<number>)
          : undefined;
  return list?.every((each) => typeof each === 'number') ? list : undefined;
};

function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let at = value; Array.isArray(at) || ArrayBuffer.isView(at); at = (at as ArrayLike<unknown>)[0])
    shape.push((at as unknown as ArrayLike<unknown>).length);
  return shape.length ? shape : [1];
}

/**
 * Rows { x, y }: numbers in arrays, nested for their shape, the same for every row; y is not read of rows without labels.
 * @throws StillhouseError DATA_MODULE, DATA_EMPTY
 */
export async function moduleSet(
  path: string,
  name: string,
  { places, file, withLabels }: { places: DataPlaces; file: string; withLabels: boolean },
): Promise<TensorSet> {
  const spool = new Spool(file);
  let rowCount = 0;
  let inputShape: number[] | undefined;
  let [size, labelCount] = [0, 0];
  try {
    for await (const {
      row: { x, y },
      where,
    } of numbered(path, await rowsOf(path, name, places))) {
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
          `${where} has ${inputs.length} inputs and ${labels.length} labels, the first row ${size} and ${labelCount}`,
        );
      const bytes = new Uint8Array(Float32Array.from([...inputs, ...labels]).buffer);
      spool.add(bytes);
      rowCount += 1;
    }
  } finally {
    spool.close();
  }
  if (!inputShape) throw new StillhouseError('DATA_EMPTY', `${path} yields no rows`);
  return {
    what: path,
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
): AsyncGenerator<{ rowCount: number; cells: readonly [Float32Array, Float32Array] }> {
  const width = size + labelCount;
  const descriptor = openSync(file, 'r');
  try {
    for (let first = 0; first < rowCount; first += chunkRows) {
      const count = Math.min(chunkRows, rowCount - first);
      const rows = new Float32Array(count * width);
      readSync(descriptor, rows, 0, rows.byteLength, first * width * 4);
      const inputs = new Float32Array(count * size);
      const labels = new Float32Array(count * labelCount);
      for (let i = 0; i < count; i++) {
        inputs.set(rows.subarray(i * width, i * width + size), i * size);
        labels.set(rows.subarray(i * width + size, (i + 1) * width), i * labelCount);
      }
      yield { rowCount: count, cells: [inputs, labels] };
    }
  } finally {
    closeSync(descriptor);
  }
}
