// Reads batches out of blocks: gets each block once while it is needed, and keeps a bounded number.
import { encodeColumns, inputWidth, type DatasetManifest, type RowIds, type SetManifest } from '@stillhouse/core';
import { decodeBlock, type BlockRows } from './blocks.js';

export interface Batch {
  readonly rows: number;
  /** [rows, …inputShape], scaled and encoded. */
  readonly x: Float32Array;
  /** [rows, labelCount]. */
  readonly y: Float32Array;
}

/** A block's rows; encoded as inputs, where that takes little more memory. */
type ReadyRows = BlockRows & { readonly encoded: Float32Array | undefined };

interface Kept {
  readonly rows: Promise<ReadyRows>;
  bytes: number;
  /** Once it is there. */
  value: ReadyRows | undefined;
}

/** How much larger a block may become by being encoded as a whole: a row's inputs then lie side by side. */
const encodedGrowth = 2;

/** Where rows lie in their blocks, and where they go in the batch, by block. */
function placesOf({ blockRows }: SetManifest, rowIds: RowIds): Map<number, { from: number[]; to: number[] }> {
  const places = new Map<number, { from: number[]; to: number[] }>();
  for (let i = 0; i < rowIds.length; i++) {
    const block = Math.floor(rowIds[i] / blockRows);
    let place = places.get(block);
    if (!place) places.set(block, (place = { from: [], to: [] }));
    place.from.push(rowIds[i] - block * blockRows);
    place.to.push(i);
  }
  return places;
}

function copyRows(encoded: Float32Array, width: number, from: readonly number[], { out, to }: { out: Float32Array; to: readonly number[] }): void {
  for (let i = 0; i < from.length; i++) {
    const source = from[i] * width;
    const target = to[i] * width;
    for (let k = 0; k < width; k++) out[target + k] = encoded[source + k];
  }
}

export class BlockReader {
  /** The one that was used last comes last. */
  readonly #blocks = new Map<string, Kept>();
  #bytes = 0;
  /** Milliseconds that readers have waited for blocks. */
  waitedMs = 0;

  /**
   * @param fetch gets a block's bytes by their SHA-256, and verifies them
   * @param keptBytes blocks are dropped beyond so many bytes, the longest unused first
   */
  constructor(
    private readonly manifest: DatasetManifest,
    private readonly fetch: (hash: string) => Promise<Uint8Array>,
    public keptBytes = Infinity,
  ) {}

  /** @throws what `fetch` throws, and StillhouseError DATA_FORMAT */
  async read(set: SetManifest, rowIds: RowIds): Promise<Batch> {
    const { columns, labelCount } = this.manifest;
    const count = rowIds.length;
    const width = inputWidth(columns);
    const x = new Float32Array(count * width);
    const y = new Float32Array(count * labelCount);
    const places = placesOf(set, rowIds);
    const blocks = await this.#all([...places.keys()].map((block) => set.blocks[block]));
    [...places.values()].forEach(({ from, to }, k) => {
      const { encoded, cells, labels } = blocks[k];
      if (encoded) copyRows(encoded, width, from, { out: x, to });
      else encodeColumns(columns, cells, { from, to, out: x, width });
      for (let i = 0; i < from.length; i++) for (let n = 0; n < labelCount; n++) y[to[i] * labelCount + n] = labels[from[i] * labelCount + n];
    });
    return { rows: count, x, y };
  }

  /** Gets blocks that will be needed soon, in their order. Says nothing of failures: whoever reads meets them. */
  prefetch(hashes: readonly string[]): void {
    for (const hash of hashes) this.#block(hash).rows.catch(() => {});
  }

  async #all(hashes: readonly string[]): Promise<ReadyRows[]> {
    const kept = hashes.map((hash) => this.#block(hash));
    // Without a pause where all are there: a promise would let others have their turn first.
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
        kept.value = this.#encode(decodeBlock(bytes, this.manifest, what), bytes.byteLength);
        kept.bytes = kept.value.encoded?.byteLength ?? bytes.byteLength;
        this.#bytes += kept.bytes;
        this.#drop(hash);
        return kept.value;
      }),
    };
    kept.rows.catch(() => this.#blocks.delete(hash));
    return kept;
  }

  #encode(rows: BlockRows, bytes: number): ReadyRows {
    const { columns } = this.manifest;
    const width = inputWidth(columns);
    const isTable = columns.every(({ type }) => type !== 'tensor');
    if (!isTable || rows.rowCount * width * 4 > encodedGrowth * bytes) return { ...rows, encoded: undefined };
    const encoded = new Float32Array(rows.rowCount * width);
    const all = Array.from({ length: rows.rowCount }, (_, i) => i);
    encodeColumns(columns, rows.cells, { from: all, to: all, out: encoded, width });
    return { rowCount: rows.rowCount, cells: [], labels: rows.labels.slice(), encoded };
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
