// CSV files.
import { z } from 'zod';
import { paths } from '../fields.js';
import { defineSourceSchema, sampling } from './definition.js';

export const csv = defineSourceSchema({
  isTable: true,
  schemas: [
    z
      .strictObject({ csv: paths, ...sampling })
      .describe('Paths of CSV files with a header, gzipped or not; * and ** stand for parts of names.'),
  ],
});
