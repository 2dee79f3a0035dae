// Rows in memory, and their way into content-hashed blocks and back. A block is a safetensors file with tensors x and y.
import { createHash } from 'node:crypto';
import { bytesOf, decodeSafetensors, encodeSafetensors, floatsOf, limits, StillhouseError, type DatasetManifest, type SetManifest } from '@stillhouse/core';

export interface RowSet {
  readonly rowCount: number;
  /** [rowCount, …inputShape], row-major. */
  readonly inputs: Float32Array | Uint8Array;
  /** [rowCount, labelCount]. */
  readonly labels: Float32Array;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Cuts rows into blocks and puts them into the store under their hashes. */
export function cutBlocks(rows: RowSet, shape: { inputShape: readonly number[]; labelCount: number }, store: Map<string, Uint8Array>): SetManifest {
  const width = shape.inputShape.reduce((product, size) => product * size, 1);
  const { inputs, labels } = rows;
  const rowBytes = width * inputs.BYTES_PER_ELEMENT + shape.labelCount * 4;
  const blockRows = Math.max(1, Math.min(rows.rowCount, Math.floor(limits.blockTargetBytes / rowBytes)));
  const blocks: string[] = [];
  for (let first = 0; first < rows.rowCount; first += blockRows) {
    const count = Math.min(blockRows, rows.rowCount - first);
    const x = inputs.subarray(first * width, (first + count) * width);
    const y = labels.subarray(first * shape.labelCount, (first + count) * shape.labelCount);
    const block = encodeSafetensors([
      { name: 'x', dtype: inputs instanceof Uint8Array ? 'U8' : 'F32', shape: [count, ...shape.inputShape], data: inputs instanceof Uint8Array ? (x as Uint8Array) : bytesOf(x as Float32Array) },
      { name: 'y', dtype: 'F32', shape: [count, shape.labelCount], data: bytesOf(y) },
    ]);
    const hash = sha256(block);
    store.set(hash, block);
    blocks.push(hash);
  }
  const isLarge = rows.rowCount * rowBytes > limits.shuffledWholeBytes;
  return { rowCount: rows.rowCount, blockRows, blocks, ...(isLarge ? { windowBlocks: limits.windowBlocks } : {}) };
}

export interface Batch {
  readonly rows: number;
  /** [rows, …inputShape], scaled. */
  readonly x: Float32Array;
  /** [rows, labelCount]. */
  readonly y: Float32Array;
}

/** Reads rows out of blocks, which it fetches once each, verifies by hash and keeps. */
export class BlockReader {
  readonly #blocks = new Map<string, Promise<RowSet>>();

  /** @param fetch gets a block's bytes by its SHA-256 */
  constructor(
    private readonly manifest: DatasetManifest,
    private readonly fetch: (hash: string) => Promise<Uint8Array>,
  ) {}

  /** @throws StillhouseError BLOCK_CORRUPT */
  async read(set: SetManifest, rowIds: readonly number[]): Promise<Batch> {
    const { inputShape, labelCount, scale } = this.manifest;
    const width = inputShape.reduce((product, size) => product * size, 1);
    const x = new Float32Array(rowIds.length * width);
    const y = new Float32Array(rowIds.length * labelCount);
    const blockOf = (row: number): string => set.blocks[Math.floor(row / set.blockRows)];
    const wanted = new Map<string, RowSet>();
    await Promise.all([...new Set(rowIds.map(blockOf))].map(async (hash) => wanted.set(hash, await this.#block(hash))));
    rowIds.forEach((row, i) => {
      const { inputs, labels } = wanted.get(blockOf(row))!;
      const local = row % set.blockRows;
      for (let k = 0; k < width; k++) x[i * width + k] = inputs[local * width + k] * scale;
      for (let k = 0; k < labelCount; k++) y[i * labelCount + k] = labels[local * labelCount + k];
    });
    return { rows: rowIds.length, x, y };
  }

  #block(hash: string): Promise<RowSet> {
    let block = this.#blocks.get(hash);
    if (!block) {
      block = this.fetch(hash).then((bytes) => {
        if (sha256(bytes) !== hash) throw new StillhouseError('BLOCK_CORRUPT', `block ${hash.slice(0, 12)} arrived with other bytes than it was announced with`);
        const [x, y] = decodeSafetensors(bytes, `block ${hash.slice(0, 12)}`);
        return { rowCount: y.shape[0], inputs: x.dtype === 'U8' ? x.data : floatsOf(x.data), labels: floatsOf(y.data) };
      });
      this.#blocks.set(hash, block);
    }
    return block;
  }
}
