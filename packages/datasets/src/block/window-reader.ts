// The rows of a rank's window, encoded on arrival and stored where they will be used. A micro-batch is then a view of
// consecutive rows, and no block is kept.
import { bytesOf, floatsOf, inputWidth, joinBytes, type DatasetManifest, type SetManifest } from '@stillhouse/core';
import { decodeBlock, encodePart, partsOf, type Batch } from './blocks.js';

interface Filling {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly done: Promise<void>;
  isDone: boolean;
}

export class WindowReader {
  readonly #windows = new Map<string, Filling>();
  /** Milliseconds that readers have waited for rows. */
  waitedMs = 0;

  /** @param fetch gets a block's bytes by their SHA-256, and verifies them */
  constructor(
    private readonly manifest: DatasetManifest,
    private readonly set: SetManifest,
    private readonly fetch: (hash: string) => Promise<Uint8Array>,
  ) {}

  /**
   * Fills windows in this order, and drops all others.
   * @param windows rows of each window, by a name
   */
  prepare(windows: ReadonlyMap<string, () => Float64Array>): void {
    for (const name of this.#windows.keys()) if (!windows.has(name)) this.#windows.delete(name);
    for (const [name, rows] of windows) if (!this.#windows.has(name)) this.#windows.set(name, this.#fill(name, rows()));
  }

  /**
   * Rows [from, to) of a window that is being prepared.
   * @throws what `fetch` throws
   */
  async read(name: string, from: number, to: number): Promise<Batch> {
    const window = this.#windows.get(name)!;
    if (!window.isDone) {
      const startedMs = performance.now();
      await window.done;
      this.waitedMs += performance.now() - startedMs;
    }
    const width = inputWidth(this.manifest.columns);
    const { labelCount } = this.manifest;
    return {
      rows: to - from,
      x: window.x.subarray(from * width, to * width),
      y: window.y.subarray(from * labelCount, to * labelCount),
    };
  }

  #fill(name: string, rows: Float64Array): Filling {
    const { columns, labelCount } = this.manifest;
    const width = inputWidth(columns);
    const [x, y] = [new Float32Array(rows.length * width), new Float32Array(rows.length * labelCount)];
    const filling: Filling = {
      x,
      y,
      isDone: false,
      done: Promise.all(
        partsOf(this.set, rows).map(async (part) => {
          const hash = this.set.blocks[part.block];
          encodePart(
            this.manifest,
            decodeBlock(await this.fetch(hash), this.manifest, `block ${hash.slice(0, 12)}`),
            part,
            { x, y, width },
          );
        }),
      ).then(() => void (filling.isDone = true)),
    };
    // A read meets the failure; a later attempt may succeed.
    filling.done.catch(() => this.#windows.get(name) === filling && this.#windows.delete(name));
    return filling;
  }
}

/** Concatenates batches. */
export function joinBatches(batches: readonly Batch[]): Batch {
  if (batches.length === 1) return batches[0];
  const join = (parts: readonly Float32Array[]): Float32Array => floatsOf(joinBytes(parts.map(bytesOf)));
  return {
    rows: batches.reduce((sum, { rows }) => sum + rows, 0),
    x: join(batches.map(({ x }) => x)),
    y: join(batches.map(({ y }) => y)),
  };
}
