// Consecutive rows of a source, as they are read.
import type { Numbers } from '@stillhouse/core';

/** Cells of consecutive rows, one array per requested column; text is null if missing. */
export interface Chunk {
  readonly rowCount: number;
  readonly cells: readonly (Numbers | readonly (string | null)[])[];
}

/** Rows of a chunk. */
export const chunkRows = 4096;
