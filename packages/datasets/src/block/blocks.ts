// Blocks: rows as safetensors files, named by the SHA-256 of their bytes. A block has one tensor per column, and y.
import {
  bytesOf,
  cellSize,
  decodeSafetensors,
  encodeColumns,
  encodeSafetensors,
  limits,
  numbersOf,
  StillhouseError,
  zerosOf,
  type DatasetManifest,
  type FittedColumn,
  type NamedTensor,
  type Numbers,
  type SetManifest,
  type TensorType,
} from '@stillhouse/core';
import { ledgerDigest, wholeLedger, type RowIds } from '@stillhouse/core/cluster';
import { sha256 } from '../file/sha256.js';
import { placeTensors } from './place-tensors.js';

/** What rows look like in blocks. */
export interface BlockShape {
  readonly columns: readonly FittedColumn[];
  /** Shape of a tensor's row; other columns have cells. */
  readonly inputShape: readonly number[];
  readonly labelCount: number;
  readonly labelType: TensorType;
}

/** Rows of a block in memory: the cells of each column, and labels. */
export interface BlockRows {
  readonly rowCount: number;
  readonly cells: readonly Numbers[];
  readonly labels: Numbers;
}

const bytesEach = (dtype: TensorType): number => zerosOf(dtype, 1).BYTES_PER_ELEMENT;

const rowBytes = ({
  columns,
  labelCount,
  labelType,
}: Pick<BlockShape, 'columns' | 'labelCount' | 'labelType'>): number =>
  columns.reduce((sum, column) => sum + cellSize(column) * bytesEach(column.dtype), labelCount * bytesEach(labelType));

/** Bytes of a row's cells in a block. */
export const storedRowBytes = ({ columns }: Pick<DatasetManifest, 'columns'>): number =>
  rowBytes({ columns, labelCount: 0, labelType: 'F32' });

/** Rows per block, so that a block is close to its target size. */
export const rowsPerBlock = (shape: BlockShape): number =>
  Math.max(1, Math.floor(limits.blockTargetBytes / rowBytes(shape)));

/**
 * How rows are drawn from a set: from the whole, or from a few blocks at a time, of which all ranks together hold a
 * bounded number.
 */
export function windowOf(shape: BlockShape, rowCount: number, ranks: number): Pick<SetManifest, 'windowBlocks'> {
  if (rowCount * rowBytes(shape) <= limits.shuffledWholeBytes) return {};
  return { windowBlocks: Math.max(1, Math.min(limits.rankWindowBlocks, Math.floor(limits.totalWindowBlocks / ranks))) };
}

export const emptyRows = ({ columns, labelCount, labelType }: BlockShape, rowCount: number): BlockRows => ({
  rowCount,
  cells: columns.map((column) => zerosOf(column.dtype, rowCount * cellSize(column))),
  labels: zerosOf(labelType, rowCount * labelCount),
});

const nameOf = (column: FittedColumn, index: number): string => (column.type === 'tensor' ? 'x' : `c${index}`);

/** @param rows only the first `rowCount` of them count */
export function encodeBlock(
  { columns, inputShape, labelCount, labelType }: BlockShape,
  { cells, labels }: BlockRows,
  rowCount: number,
): Uint8Array {
  const tensors: NamedTensor[] = columns.map((column, i) => ({
    name: nameOf(column, i),
    dtype: column.dtype,
    shape: column.type === 'tensor' ? [rowCount, ...inputShape] : [rowCount],
    data: bytesOf(cells[i].subarray(0, rowCount * cellSize(column))),
  }));
  // Wide numbers first, so that each tensor is aligned for its type.
  const all = [
    ...tensors,
    {
      name: 'y',
      dtype: labelType,
      shape: [rowCount, labelCount],
      data: bytesOf(labels.subarray(0, rowCount * labelCount)),
    },
  ];
  return encodeSafetensors(all.sort((a, b) => bytesEach(b.dtype) - bytesEach(a.dtype)));
}

/**
 * Reads a block that has been verified by its hash.
 * @throws StillhouseError DATA_FORMAT if it is not a block of the data set
 */
export function decodeBlock(bytes: Uint8Array, manifest: Pick<DatasetManifest, 'columns'>, what: string): BlockRows {
  const tensors = new Map(decodeSafetensors(bytes, what).map((tensor) => [tensor.name, tensor]));
  const tensorOf = (name: string): NamedTensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new StillhouseError('DATA_FORMAT', `${what} has no tensor ${name}`);
    return tensor;
  };
  const numbers = ({ dtype, data }: NamedTensor): Numbers => numbersOf(dtype, data);
  const labels = tensorOf('y');
  return {
    rowCount: labels.shape[0],
    cells: manifest.columns.map((column, i) => numbers(tensorOf(nameOf(column, i)))),
    labels: numbers(labels),
  };
}

export interface Batch {
  readonly rows: number;
  /** [rows, …inputShape], scaled and encoded. */
  readonly x: Float32Array;
  /** [rows, labelCount]. */
  readonly y: Float32Array;
}

/** The rows of a batch that are in one block: their positions in the block and in the batch. */
export interface BatchPart {
  readonly block: number;
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** Groups a batch's rows by the block that they are in. */
export function partsOf(
  { blockRows, blocks, selection }: Pick<SetManifest, 'blockRows' | 'blocks' | 'selection'>,
  rowIds: RowIds,
): BatchPart[] {
  const rowAt = (i: number): number => (selection ? selection[rowIds[i]] : rowIds[i]);
  const counts = new Int32Array(blocks.length);
  for (let i = 0; i < rowIds.length; i++) counts[Math.floor(rowAt(i) / blockRows)] += 1;
  const parts: BatchPart[] = [];
  const partOf = new Int32Array(blocks.length);
  counts.forEach((count, block) => {
    if (count > 0) partOf[block] = parts.push({ block, from: new Int32Array(count), to: new Int32Array(count) }) - 1;
  });
  counts.fill(0);
  for (let i = 0; i < rowIds.length; i++) {
    const row = rowAt(i);
    const block = Math.floor(row / blockRows);
    const part = parts[partOf[block]];
    part.from[counts[block]] = row - block * blockRows;
    part.to[counts[block]++] = i;
  }
  return parts;
}

/** Writes a part's inputs [rows, width] and labels into the batch, whose x holds zeros. */
export function encodePart(
  { columns, labelCount }: Pick<DatasetManifest, 'columns' | 'labelCount'>,
  { cells, labels }: BlockRows,
  { from, to }: BatchPart,
  { x, y, width }: Pick<Batch, 'x' | 'y'> & { width: number },
): void {
  if (!placeTensors(columns, cells, { from, to, out: x })) encodeColumns(columns, cells, { from, to, out: x, width });
  placeLabels(labelCount, labels, { from, to, y });
}

/** Writes a part's labels into the batch. */
export function placeLabels(
  labelCount: number,
  labels: Numbers,
  { from, to, y }: Pick<BatchPart, 'from' | 'to'> & Pick<Batch, 'y'>,
): void {
  for (let i = 0; i < from.length; i++)
    for (let n = 0; n < labelCount; n++) y[to[i] * labelCount + n] = labels[from[i] * labelCount + n];
}

/**
 * Cuts rows of tensors in memory into blocks, and stores them by their hashes.
 * @param rows inputs [rowCount, …inputShape], used unchanged, and labels [rowCount, labelCount]
 */
export function cutTensors(
  rows: { inputs: Float32Array | Uint8Array; labels: Float32Array },
  { inputShape, labelCount }: { inputShape: readonly number[]; labelCount: number },
  store: { set(hash: string, bytes: Uint8Array): unknown },
): { columns: readonly FittedColumn[]; set: SetManifest } {
  const size = inputShape.reduce((product, each) => product * each, 1);
  const column: FittedColumn = {
    name: 'x',
    type: 'tensor',
    size,
    factors: [1],
    offsets: [0],
    dtype: rows.inputs instanceof Uint8Array ? 'U8' : 'F32',
  };
  const shape: BlockShape = { columns: [column], inputShape, labelCount, labelType: 'F32' };
  const rowCount = rows.labels.length / labelCount;
  const blockRows = Math.min(rowCount, rowsPerBlock(shape));
  const blocks: string[] = [];
  for (let first = 0; first < rowCount; first += blockRows) {
    const count = Math.min(blockRows, rowCount - first);
    const block = encodeBlock(
      shape,
      {
        rowCount: count,
        cells: [rows.inputs.subarray(first * size, (first + count) * size)],
        labels: rows.labels.subarray(first * labelCount, (first + count) * labelCount),
      },
      count,
    );
    const hash = sha256(block);
    store.set(hash, block);
    blocks.push(hash);
  }
  return {
    columns: shape.columns,
    set: { rowCount, blockRows, blocks, rowsDigest: ledgerDigest(wholeLedger(rowCount)) },
  };
}
