// NumPy arrays in one file.
import { z } from 'zod';
import { path } from '../fields.js';
import { defineSourceSchema, sampling } from './definition.js';

export const npz = defineSourceSchema({
  isTable: false,
  schemas: [
    z
      .strictObject({
        npz: z.strictObject({
          file: path,
          inputs: z.string().min(1).default('x'),
          labels: z.string().min(1).default('y').describe('Not read for data.pool.'),
        }),
        ...sampling,
      })
      .describe('Path of an NPZ file, and the names of two of its arrays.'),
  ],
});
