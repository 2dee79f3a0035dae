// JSON lines.
import { z } from 'zod';
import { paths } from '../fields.js';
import { defineSourceSchema, sampling } from './definition.js';

export const jsonl = defineSourceSchema({
  isTable: true,
  schemas: [
    z
      .strictObject({ jsonl: paths, ...sampling })
      .describe('Paths of files with one JSON object per line, gzipped or not; * and ** stand for parts of names.'),
  ],
});
