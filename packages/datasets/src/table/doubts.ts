// What is probably not meant as it is read: codes that are read as numbers, numbers that are rounded, a category per
// row, a column without a cell. Sentences for people.

/** A column with fewer categories is not doubted, whatever the number of rows. */
const manyCategories = 100;

/**
 * What texts of a column of plain numbers show.
 * @returns undefined if nothing is doubtful
 */
export function doubtAboutTexts(name: string, texts: readonly string[]): string | undefined {
  const code = texts.find((text) => /^0\d+$/.test(text.trim()));
  if (code !== undefined)
    return (
      `column ${name} is read as numbers, although some begin with 0, such as ${code.trim()}; if they are codes, ` +
      'declare it as a category'
    );
  const isRounded = (text: string): boolean => /^[-+]?\d{16,}$/.test(text) && !Number.isSafeInteger(Number(text));
  return texts.some((text) => isRounded(text.trim())) ? roundedNumbers(name) : undefined;
}

const roundedNumbers = (name: string): string =>
  `column ${name} has whole numbers beyond ${Number.MAX_SAFE_INTEGER}, which are rounded; if they are identifiers, ` +
  'ignore it or declare it as a category';

/** @param sqlType DuckDB's type of the column */
export function doubtAboutNumbers(
  name: string,
  { count, min, max }: { readonly count: number; readonly min: number; readonly max: number },
  sqlType: string,
): string | undefined {
  if (count === 0) return `column ${name} has no cell in the training rows, so it tells a model nothing`;
  return hasRounded(sqlType, { min, max }) ? roundedNumbers(name) : undefined;
}

/** Whether a column of DuckDB's type has whole numbers that no float64 is. */
export const hasRounded = (sqlType: string, { min, max }: { readonly min: number; readonly max: number }): boolean =>
  /INT|^DECIMAL\(\d+,0\)$/.test(sqlType) && Math.max(-min, max) > Number.MAX_SAFE_INTEGER;

/** @param rowCount training rows that have a category in the column */
export const doubtAboutCategories = (name: string, categoryCount: number, rowCount: number): string | undefined =>
  categoryCount >= manyCategories && categoryCount > rowCount / 2
    ? `column ${name} has ${categoryCount} categories in ${rowCount} training rows, an input for each; ignore it, or ` +
      'declare what it is in data.table.columns'
    : undefined;
