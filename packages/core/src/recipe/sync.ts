// Local steps between exchanges: how often the ranks of a teacher agree on weights, and how they do it.
import { z } from 'zod';
import { limits } from '../error/limits.js';
import { count, fraction, positive } from './fields.js';

/** Defaults of the outer optimiser are those of DiLoCo (arXiv 2311.08105). */
export const syncSchema = z
  .strictObject({
    every: count(limits.roundSteps).describe(
      'Steps of a round: each rank trains weights of its own for this many steps, then ranks exchange once. The ' +
        'end of an epoch ends a round.',
    ),
    moments: z
      .enum(['fresh', 'mean'])
      .default('mean')
      .describe(
        'State of a rank’s optimiser when a round begins: none, or the mean over all ranks at the end of the round ' +
          'before, which travels with the weights (twice their size for adam and adamw).',
      ),
    outer: z
      .strictObject({
        learningRate: positive.default(0.7),
        momentum: fraction.default(0.9).describe('Nesterov momentum.'),
      })
      .prefault({})
      .describe('The optimiser that steps the common weights by what ranks have changed in a round.'),
  })
  .describe(
    'Fewer exchanges, for slow links: ranks of the teacher train by themselves for some steps (DiLoCo). The result ' +
      'differs from that of an exchange per step; it is as independent of the number of workers.',
  );

export type SyncConfig = z.output<typeof syncSchema>;
