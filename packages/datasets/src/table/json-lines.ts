// Files with one JSON object per line as a relation: columns and types are determined from all rows.
import { listed } from './sql-text.js';

/** A key is a column, however many there are and however few rows have it. */
export const jsonLines = (files: readonly string[]): string =>
  `read_json(${listed(files)}, format = 'newline_delimited', sample_size = -1, maximum_sample_files = ` +
  `${Math.max(1, files.length)}, map_inference_threshold = -1, field_appearance_threshold = 0, ` +
  'hive_partitioning = false)';
