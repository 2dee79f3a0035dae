// Reads batches from blocks: fetches each block once while it is needed, and keeps a bounded number.
import { cellSize, inputWidth, type DatasetManifest, type Numbers, type SetManifest } from '@stillhouse/core';
import type { RowIds } from '@stillhouse/core/cluster';
import { decodeBlock, encodePart, partsOf, placeLabels, type Batch, type BlockRows } from './blocks.js';

const newFloats = (length: number): Float32Array => new Float32Array(length);

interface Kept {
  readonly rows: Promise<BlockRows>;
  bytes: number;
  /** Set once it has arrived. */
  value: BlockRows | undefined;
}

export class BlockReader {
  /** In order of use; the most recently used is last. */
  readonly #blocks = new Map<string, Kept>();
  #bytes = 0;
  /** Milliseconds that readers have waited for blocks. */
  waitedMs = 0;

  /**
   * @param fetch gets a block's bytes by their SHA-256, and verifies them
   * @param keptBytes beyond this many bytes, blocks are dropped, the least recently used first
   */
  constructor(
    private readonly manifest: DatasetManifest,
    private readonly fetch: (hash: string) => Promise<Uint8Array>,
    public keptBytes = Infinity,
  ) {}

  /**
   * @param allocate gives the memory for so many inputs, whatever it holds
   * @throws what `fetch` throws, and StillhouseError DATA_FORMAT
   */
  async read(set: SetManifest, rowIds: RowIds, allocate = newFloats): Promise<Batch> {
    const { columns, labelCount } = this.manifest;
    const count = rowIds.length;
    const width = inputWidth(columns);
    const x = allocate(count * width);
    // Tensors write all of their inputs; others leave some at zero.
    if (allocate !== newFloats && columns.some(({ type }) => type !== 'tensor')) x.fill(0);
    const y = new Float32Array(count * labelCount);
    const parts = partsOf(set, rowIds);
    const blocks = await this.#all(parts.map(({ block }) => set.blocks[block]));
    parts.forEach((part, i) => encodePart(this.manifest, blocks[i], part, { x, y, width }));
    return { rows: count, x, y };
  }

  /**
   * Rows of a set whose only column is a tensor of bytes, as they are stored.
   * @param allocate gives the memory for so many bytes
   * @throws what `fetch` throws, and StillhouseError DATA_FORMAT
   */
  async readBytes(
    set: SetManifest,
    rowIds: RowIds,
    allocate: (length: number) => Uint8Array,
  ): Promise<{ x: Uint8Array; y: Float32Array }> {
    const { columns, labelCount } = this.manifest;
    const width = inputWidth(columns);
    const x = allocate(rowIds.length * width);
    const y = new Float32Array(rowIds.length * labelCount);
    const parts = partsOf(set, rowIds);
    const blocks = await this.#all(parts.map(({ block }) => set.blocks[block]));
    parts.forEach(({ from, to }, i) => {
      const [cells] = blocks[i].cells as [Uint8Array];
      for (let row = 0; row < from.length; row++)
        x.set(cells.subarray(from[row] * width, (from[row] + 1) * width), to[row] * width);
      placeLabels(labelCount, blocks[i].labels, { from, to, y });
    });
    return { x, y };
  }

  /**
   * The cells of a row as they are stored, by column: NaN is a missing number, 0 no category.
   * @throws what `fetch` throws, and StillhouseError DATA_FORMAT
   */
  async cells(set: SetManifest, rowId: number): Promise<Numbers[]> {
    const [{ block, from }] = partsOf(set, [rowId]);
    const [{ cells }] = await this.#all([set.blocks[block]]);
    return this.manifest.columns.map((column, i) => {
      const size = cellSize(column);
      return cells[i].subarray(from[0] * size, (from[0] + 1) * size);
    });
  }

  /** Fetches blocks that will be needed soon, in order. Failures are not reported here; a read meets them. */
  prefetch(hashes: readonly string[]): void {
    for (const hash of hashes) this.#block(hash).rows.catch(() => {});
  }

  async #all(hashes: readonly string[]): Promise<BlockRows[]> {
    const kept = hashes.map((hash) => this.#block(hash));
    // No await if all blocks are there: it would let other tasks run first.
    if (kept.every(({ value }) => value)) return kept.map(({ value }) => value!);
    const startedMs = performance.now();
    try {
      return await Promise.all(kept.map(({ rows }) => rows));
    } finally {
      this.waitedMs += performance.now() - startedMs;
    }
  }

  #block(hash: string): Kept {
    let kept = this.#blocks.get(hash);
    if (kept) this.#blocks.delete(hash);
    else kept = this.#get(hash);
    this.#blocks.set(hash, kept);
    return kept;
  }

  #get(hash: string): Kept {
    const what = `block ${hash.slice(0, 12)}`;
    const kept: Kept = {
      bytes: 0,
      value: undefined,
      rows: this.fetch(hash).then((bytes) => {
        kept.value = decodeBlock(bytes, this.manifest, what);
        kept.bytes = bytes.byteLength;
        this.#bytes += kept.bytes;
        this.#drop(hash);
        return kept.value;
      }),
    };
    kept.rows.catch(() => this.#blocks.delete(hash));
    return kept;
  }

  #drop(newest: string): void {
    for (const [hash, { bytes, value }] of this.#blocks) {
      if (this.#bytes <= this.keptBytes) return;
      if (!value || hash === newest) continue;
      this.#blocks.delete(hash);
      this.#bytes -= bytes;
    }
  }
}
