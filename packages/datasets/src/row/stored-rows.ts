// Rows as they are stored in blocks. A fault in a row is an error only if the row is used.
import type { Numbers, StillhouseError } from '@stillhouse/core';

export interface StoredRows {
  /** Number of the first row in its source. */
  readonly first: number;
  readonly rowCount: number;
  /** One array per column. */
  readonly cells: readonly Numbers[];
  /** For each column of categories, the rows whose category was not among those that were fitted. */
  readonly unknown?: readonly (ReadonlySet<number> | undefined)[];
  /** One array per number of a label. */
  readonly labels: readonly Numbers[];
  readonly keys: readonly (string | null)[] | undefined;
  /** How often rows are drawn, relative to one another. */
  readonly weights?: Numbers | undefined;
  /** Rows that are dropped because a cell is missing. */
  readonly dropped: ReadonlySet<number>;
  /** Why a row cannot be used. */
  readonly problems: ReadonlyMap<number, () => Promise<StillhouseError>>;
}
