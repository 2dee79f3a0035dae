// Generated rows.
import { z } from 'zod';
import { count, seed } from '../fields.js';
import { defineSourceSchema, sampling } from './definition.js';

export const generator = defineSourceSchema({
  isTable: false,
  schemas: [
    z
      .strictObject({
        generator: z.enum(['friedman1', 'noise']),
        rows: count(1e8),
        noise: z.number().min(0).default(1),
        seed: seed.default(0),
        ...sampling,
      })
      .describe('Generated rows.'),
  ],
});
