// Images: one folder per class, or a list of paths and labels.
import { z } from 'zod';
import { path } from '../fields.js';
import { defineSourceSchema, imageFields, sampling } from './definition.js';

export const images = defineSourceSchema({
  isTable: false,
  schemas: [
    z
      .strictObject({ images: z.strictObject({ folder: path, ...imageFields }), ...sampling })
      .describe('A folder with one folder of images per class.'),
    z
      .strictObject({
        images: z.strictObject({
          csv: path,
          path: z.string().min(1).default('path'),
          label: z.string().min(1).default('label'),
          ...imageFields,
        }),
        ...sampling,
      })
      .describe('A CSV file with a column of paths, relative to it, and a column of labels.'),
  ],
});
