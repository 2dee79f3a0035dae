// A query over files.
import { z } from 'zod';
import { defineSourceSchema, sampling } from './definition.js';

export const sql = defineSourceSchema({
  isTable: true,
  schemas: [
    z
      .strictObject({ sql: z.string().min(1), ...sampling })
      .describe(
        "A DuckDB query over files beside the recipe, such as select a, b from 'logs/*.parquet' where a > 0. Give it an order by where it joins or groups.",
      ),
  ],
});
