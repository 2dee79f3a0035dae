// Rows that a JavaScript module yields.
import { z } from 'zod';
import { path } from '../fields.js';
import { defineSourceSchema, sampling } from './definition.js';

export const module = defineSourceSchema({
  isTable: false,
  schemas: [
    z
      .strictObject({
        module: path,
        export: z.string().min(1).default('default'),
        options: z.record(z.string(), z.json()).optional().describe('Options that are passed to the module.'),
        ...sampling,
      })
      .describe(
        'A JavaScript module that exports a source (defineSource), or a function of { folder, find, options }, ' +
          'which yields rows: objects of cells if data.table is given, otherwise { x, y } with numbers.',
      ),
  ],
});
