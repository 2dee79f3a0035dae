// The names of columns from the first line of a CSV file.

/** @param header trimmed or not; a column without a name is named by its position, counted from 1 */
export const columnNamesOf = (header: readonly string[]): string[] =>
  header.map((name, i) => name.trim() || `column ${i + 1}`);
