// Writes the rows of one set into blocks: a block is written once it is full. Blocks that were written before a process
// was killed are skipped.
import { cellSize, StillhouseError, type Numbers, type SetManifest } from '@stillhouse/core';
import { emptyLedger, ledgerDigest, wholeLedger } from '@stillhouse/core/cluster';
import { emptyRows, encodeBlock, rowsPerBlock, windowOf, type BlockRows, type BlockShape } from '../block/blocks.js';
import { sha256 } from '../file/sha256.js';
import type { StoredRows } from '../row/stored-rows.js';

function copyCells(
  from: Numbers,
  to: Numbers,
  size: number,
  what: { rows: readonly number[] | undefined; first: number; count: number; at: number },
): void {
  const { rows, first, count, at } = what;
  if (!rows) return void to.set(from.subarray(first * size, (first + count) * size), at * size);
  if (size === 1) for (let i = 0; i < count; i++) to[at + i] = from[rows[first + i]];
  else
    for (let i = 0; i < count; i++)
      to.set(from.subarray(rows[first + i] * size, (rows[first + i] + 1) * size), (at + i) * size);
}

export class SetWriter {
  readonly #buffer: BlockRows;
  readonly #blockRows: number;
  #filled = 0;
  #rowCount = 0;
  #blocks: string[] = [];
  #there: string | undefined;
  /** Number of rows whose category is not among the fitted ones, by column. */
  readonly unknown: number[];

  /**
   * @param before hashes of blocks that were written before; some may be missing
   * @param write called with each full block
   */
  constructor(
    private readonly shape: BlockShape,
    private readonly before: { readonly known: readonly string[]; readonly has: (hash: string) => boolean },
    private readonly write: (hash: string, bytes: Uint8Array, isKnown: boolean) => void,
  ) {
    this.#blockRows = rowsPerBlock(shape);
    this.#buffer = emptyRows(shape, this.#blockRows);
    this.unknown = shape.columns.map(() => 0);
    this.#there = this.#next();
  }

  /** Hash of the current block, if it was written before. */
  #next(): string | undefined {
    const known = this.before.known.at(this.#blocks.length);
    return known !== undefined && this.before.has(known) ? known : undefined;
  }

  /** @param rows positions of the rows in the chunk; all by default */
  add(
    { cells, labels, rowCount, unknown }: Pick<StoredRows, 'cells' | 'labels' | 'rowCount' | 'unknown'>,
    rows?: readonly number[],
  ): void {
    const total = rows ? rows.length : rowCount;
    this.#countUnknown(unknown ?? [], rows);
    for (let first = 0; first < total;) {
      const count = Math.min(total - first, this.#blockRows - this.#filled);
      if (this.#there === undefined) this.#copy(cells, labels, { rows, first, count, at: this.#filled });
      this.#filled += count;
      first += count;
      if (this.#filled === this.#blockRows) this.#flush();
    }
  }

  /** @param ranks of the teacher */
  async finish(ranks: number): Promise<SetManifest> {
    this.#flush();
    const rowsDigest = ledgerDigest(await wholeLedgerInPieces(this.#rowCount));
    return {
      rowCount: this.#rowCount,
      blockRows: Math.min(this.#blockRows, Math.max(1, this.#rowCount)),
      blocks: this.#blocks,
      rowsDigest,
      ...windowOf(this.shape, this.#rowCount, ranks),
    };
  }

  #copy(cells: readonly Numbers[], labels: readonly Numbers[], what: Parameters<typeof copyCells>[3]): void {
    this.shape.columns.forEach((column, i) => copyCells(cells[i], this.#buffer.cells[i], cellSize(column), what));
    const { rows, first, count, at } = what;
    const { labelCount } = this.shape;
    if (labels.length === 1) return copyCells(labels[0], this.#buffer.labels, labelCount, what);
    for (let k = 0; k < labelCount; k++)
      for (let i = 0; i < count; i++)
        this.#buffer.labels[(at + i) * labelCount + k] = labels[k][rows ? rows[first + i] : first + i];
  }

  #flush(): void {
    if (this.#filled === 0) return;
    let hash = this.#there;
    if (hash === undefined) {
      const known = this.before.known.at(this.#blocks.length);
      const bytes = encodeBlock(this.shape, this.#buffer, this.#filled);
      hash = sha256(bytes);
      if (known !== undefined && known !== hash)
        throw new StillhouseError('DATA_CHANGED', 'the sources no longer have the rows that were prepared from them');
      this.write(hash, bytes, known !== undefined);
    }
    this.#blocks.push(hash);
    this.#there = this.#next();
    this.#rowCount += this.#filled;
    this.#filled = 0;
  }

  #countUnknown(unknown: NonNullable<StoredRows['unknown']>, rows: readonly number[] | undefined): void {
    unknown.forEach((found, k) => {
      if (found && found.size > 0) this.unknown[k] += rows ? rows.filter((row) => found.has(row)).length : found.size;
    });
  }
}

const ledgerPiece = 1_000_000;

/** Like wholeLedger, but yields to other tasks. */
async function wholeLedgerInPieces(rowCount: number): Promise<ReturnType<typeof wholeLedger>> {
  let ledger = emptyLedger;
  for (let first = 0; first < rowCount; first += ledgerPiece) {
    ledger = wholeLedger(Math.min(rowCount, first + ledgerPiece), first, ledger);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return ledger;
}
