// Training rows, batch by batch, fetched before they are needed. A set that is shuffled whole is read from its blocks.
// If a set is drawn from windows, windows are filled ahead; or only their blocks are fetched, if filled windows would
// take much more memory than blocks do (wide one-hot columns, images).
import { inputWidth, limits, type DatasetManifest, type SetManifest } from '@stillhouse/core';
import { epochOrder, type EpochOrder, type RowIds, type Schedule } from '@stillhouse/core/cluster';
import { BlockReader } from './block-reader.js';
import { partsOf, storedRowBytes, type Batch } from './blocks.js';
import { joinBatches, WindowReader } from './window-reader.js';

/** Which step it is, and this worker's part of it. */
export interface StepPlace {
  readonly epoch: number;
  readonly step: number;
  readonly order: EpochOrder;
  readonly ranks: readonly { readonly rank: number; readonly rows: RowIds }[];
}

/** Windows are encoded whole only if that enlarges rows by at most this factor. */
const encodedGrowth = 2;

export class TrainingReader {
  readonly #blocks: BlockReader;
  readonly #windows: WindowReader | undefined;
  #place: StepPlace | undefined;
  /** Blocks of the needed windows, if windows are not filled. */
  #blocksOf: ReadonlyMap<string, readonly string[]> = new Map();
  #next: { epoch: number; order: EpochOrder } | undefined;

  constructor(
    private readonly manifest: DatasetManifest,
    private readonly set: SetManifest,
    private readonly schedule: Schedule,
    fetch: (hash: string) => Promise<Uint8Array>,
  ) {
    const isNarrow = inputWidth(manifest.columns) * 4 <= encodedGrowth * storedRowBytes(manifest);
    this.#windows = schedule.windows && isNarrow ? new WindowReader(manifest, set, fetch) : undefined;
    this.#blocks = new BlockReader(manifest, fetch, limits.keptBlockBytes);
  }

  get waitedMs(): number {
    return this.#blocks.waitedMs + (this.#windows?.waitedMs ?? 0);
  }

  /** Must be called before a step's rows are read: fetches what the step needs, and what comes next. */
  begin(place: StepPlace): void {
    this.#place = place;
    const { windows } = place.order;
    if (!windows) return;
    const needed = place.ranks.flatMap(({ rank, rows }) => this.#windowsOf(place, rank, rows.length));
    if (this.#windows) return this.#windows.prepare(new Map(needed));
    const { windowBlocks } = this.schedule.windows!;
    this.#blocks.keptBytes = Math.max(
      limits.keptBlockBytes,
      place.ranks.length * 2 * (windowBlocks + 1) * limits.blockTargetBytes,
    );
    const blocksOf = new Map<string, readonly string[]>();
    for (const [name, rows] of needed)
      blocksOf.set(
        name,
        this.#blocksOf.get(name) ?? partsOf(this.set, rows()).map(({ block }) => this.set.blocks[block]),
      );
    this.#blocksOf = blocksOf;
    for (const hashes of blocksOf.values()) this.#blocks.prefetch(hashes);
  }

  /**
   * @param micro.allocate gives the memory for so many inputs, whatever it holds, if they do not come from a window
   * @throws what `fetch` throws
   */
  async read({
    rank,
    rows,
    allocate,
  }: {
    readonly rank: number;
    readonly rows: RowIds;
    readonly allocate?: ((length: number) => Float32Array) | undefined;
  }): Promise<Batch> {
    const {
      epoch,
      step,
      order: { windows },
    } = this.#place!;
    if (!windows || !this.#windows) return this.#blocks.read(this.set, rows, allocate);
    const place = windows.placeOf({ step, rank });
    const batches: Batch[] = [];
    for (let at = place; at < place + rows.length;) {
      const index = Math.floor(at / windows.rows);
      const end = Math.min(place + rows.length, (index + 1) * windows.rows);
      batches.push(
        await this.#windows.read(nameOf(epoch, rank, index), at - index * windows.rows, end - index * windows.rows),
      );
      at = end;
    }
    return joinBatches(batches);
  }

  /**
   * Rows of a set whose only column is a tensor of bytes, as they are stored.
   * @throws what `fetch` throws
   */
  readBytes(rows: RowIds, allocate: (length: number) => Uint8Array): Promise<{ x: Uint8Array; y: Float32Array }> {
    return this.#blocks.readBytes(this.set, rows, allocate);
  }

  /** The windows that contain a micro-batch, and the next one, which may be the next epoch's first. */
  #windowsOf({ epoch, step, order }: StepPlace, rank: number, count: number): [string, () => Float64Array][] {
    const windows = order.windows!;
    const place = windows.placeOf({ step, rank });
    const first = Math.floor(place / windows.rows);
    const last = Math.floor((place + Math.max(1, count) - 1) / windows.rows);
    const named = Array.from({ length: last - first + 1 }, (_, i): [string, () => Float64Array] => [
      nameOf(epoch, rank, first + i),
      () => windows.rowsOf(rank, first + i),
    ]);
    const isLast = (last + 1) * windows.rows >= windows.lengthOf(rank);
    if (!isLast) return [...named, [nameOf(epoch, rank, last + 1), () => windows.rowsOf(rank, last + 1)]];
    if (epoch + 1 >= this.schedule.epochs) return named;
    if (this.#next?.epoch !== epoch + 1) this.#next = { epoch: epoch + 1, order: epochOrder(this.schedule, epoch + 1) };
    const next = this.#next.order.windows!;
    return [...named, [nameOf(epoch + 1, rank, 0), () => next.rowsOf(rank, 0)]];
  }
}

const nameOf = (epoch: number, rank: number, index: number): string => `${epoch} ${rank} ${index}`;
