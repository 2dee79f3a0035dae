// Rows as blocks hold them. What is wrong with a row is an error only if the row is used.
import type { Numbers, StillhouseError } from '@stillhouse/core';

export interface StoredRows {
  /** Number of the first row in its source. */
  readonly first: number;
  readonly rowCount: number;
  /** One array for each column. */
  readonly cells: readonly Numbers[];
  /** One array for each number of a label. */
  readonly labels: readonly Numbers[];
  readonly keys: readonly (string | null)[] | undefined;
  /** How often rows are to be drawn, relative to one another. */
  readonly weights?: Numbers | undefined;
  /** Rows that are left out, since a cell is missing. */
  readonly dropped: ReadonlySet<number>;
  /** Why a row cannot be used. */
  readonly problems: ReadonlyMap<number, () => Promise<StillhouseError>>;
}
