// Parquet files as one table.
import type { TableFiles } from './duckdb.js';
import { listed, quoted } from './sql-text.js';

/** Digits of a decimal beyond which DuckDB reads other numbers than the file has. */
const decimalDigits = 38;
/** What pandas calls an index without a name. */
const indexNames = [0, 1, 2, 3].map((level) => `__index_level_${level}__`);

/** @param what names the table in errors */
export const parquetFiles = (what: string): TableFiles => ({
  what,
  unnamed: indexNames,
  relationOf: (files) => `read_parquet(${listed(files)}, hive_partitioning = false)`,
  async refine(file, columns, query) {
    const found = await query(
      `SELECT name, precision FROM parquet_schema(${quoted(file)}) WHERE precision > ${decimalDigits}`,
    );
    const digits = new Map(found.map(([name, precision]) => [String(name), String(precision)]));
    return columns.map((column) =>
      column.sqlType === 'DOUBLE' && digits.has(column.name)
        ? {
            ...column,
            conflict:
              `column ${column.name} is a decimal of ${digits.get(column.name)} digits in ${file}, of which at most ` +
              `${decimalDigits} can be read`,
          }
        : column,
    );
  },
});
