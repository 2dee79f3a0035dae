// A query over files.
import { z } from 'zod';
import { defineSourceSchema, sampling } from './definition.js';

export const sql = defineSourceSchema({
  isTable: true,
  schemas: [
    z
      .strictObject({ sql: z.string().min(1), ...sampling })
      .describe(
        "A DuckDB query over files next to the recipe, such as select a, b from 'logs/*.parquet' where a > 0. " +
          'Add an order by if it joins or groups.',
      ),
  ],
});
