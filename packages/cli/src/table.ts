// Tables as aligned lines, for a terminal.
import { formatMetric, type Metrics } from 'stillhouse';

/**
 * Rows of cells as aligned lines: the first column on the left, and the others on the right unless `sides` says
 * otherwise.
 */
export function alignColumns(
  rows: readonly (readonly string[])[],
  sides: readonly ('left' | 'right')[] = ['left'],
): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (sides[column] === 'left' ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A test metric; a model may know no class of the test rows. */
export const formatTest = (test: Metrics, name: string): string =>
  test.rows === 0 ? '–' : formatMetric(name, test[name]);
