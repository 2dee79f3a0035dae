// Files with one JSON object per line as a relation: columns and types are determined from all rows.
import { listed } from './table.js';

export const jsonLines = (files: readonly string[]): string =>
  `read_json(${listed(files)}, format = 'newline_delimited', sample_size = -1)`;
