// IDX files, as MNIST's are.
import { z } from 'zod';
import { path } from '../fields.js';
import { defineSourceSchema, imageSize, optionalLabels, sampling } from './definition.js';

export const idx = defineSourceSchema({
  isTable: false,
  schemas: [
    z
      .strictObject({
        idx: z.strictObject({
          images: path,
          labels: optionalLabels,
          size: imageSize.optional(),
          pad: z
            .int()
            .min(0)
            .max(1024)
            .default(0)
            .describe('Black pixels that are added on every side after resizing.'),
        }),
        ...sampling,
      })
      .describe('Paths of IDX files, gzipped or not. "data:" stands for the data folder.'),
  ],
  missingLabels: ({ idx: { labels } }) => (labels === undefined ? 'idx.labels' : undefined),
});
