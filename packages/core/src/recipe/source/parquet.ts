// Parquet files.
import { z } from 'zod';
import { paths } from '../fields.js';
import { defineSourceSchema, sampling } from './definition.js';

export const parquet = defineSourceSchema({
  isTable: true,
  schemas: [
    z
      .strictObject({ parquet: paths, ...sampling })
      .describe('Paths of Parquet files; * and ** stand for parts of names.'),
  ],
});
