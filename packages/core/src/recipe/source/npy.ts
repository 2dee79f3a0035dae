// NumPy arrays in files of their own.
import { z } from 'zod';
import { path } from '../fields.js';
import { defineSourceSchema, optionalLabels, sampling } from './definition.js';

export const npy = defineSourceSchema({
  isTable: false,
  schemas: [
    z
      .strictObject({ npy: z.strictObject({ inputs: path, labels: optionalLabels }), ...sampling })
      .describe('Paths of two NPY files, whose first dimension counts rows.'),
  ],
  missingLabels: ({ npy: { labels } }) => (labels === undefined ? 'npy.labels' : undefined),
});
