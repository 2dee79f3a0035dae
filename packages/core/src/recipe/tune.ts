// The search for hyperparameters: which numbers are tuned, in which order of trials, by which metric.
import { z } from 'zod';
import { metricNames } from '../metric/built-in.js';
import { count } from './fields.js';

const tunable = z
  .union([
    z.strictObject({
      from: z.number(),
      to: z.number(),
      scale: z.enum(['linear', 'log']).default('linear'),
      whole: z.boolean().default(false).describe('Whole numbers only.'),
    }),
    z.array(z.number()).min(1).max(1000),
  ])
  .describe('A range, or a list of values.');

const search = z.discriminatedUnion('name', [
  z
    .strictObject({
      name: z.literal('grid'),
      points: count(1000).default(5).describe('Points of each range, including both ends.'),
    })
    .describe('Every combination, on every fold.'),
  z
    .strictObject({ name: z.literal('sobol'), trials: count(100_000).default(32) })
    .describe('Points that are spread evenly, on every fold.'),
  z
    .strictObject({
      name: z.literal('halving'),
      trials: count(100_000).default(16).describe('Trials of a round.'),
      rounds: count(1000).default(2),
      keep: z.int().min(2).max(100).default(3).describe('One in this many trials goes on to more folds.'),
    })
    .describe(
      'Trials run on a few folds, and the best go on to more. The first round’s trials come from Sobol’s ' +
        'sequence, those of later rounds from a model of the results.',
    ),
]);

export const tuneSchema = z.strictObject({
  values: z
    .record(z.string(), tunable)
    .optional()
    .describe(
      'Numbers of student and distill by their path, such as distill.terms[0].weight; by default ' +
        'distill.alpha, and distill.beta if it matters. The recipe’s own values decide ties.',
    ),
  search: search.prefault({ name: 'halving' }),
  folds: z
    .int()
    .min(2)
    .max(1000)
    .default(5)
    .describe('Folds of cross-validation on the small set, stratified by class.'),
  repeats: count(1000).default(1).describe('Number of cross-validations, each with different folds.'),
  metric: z
    .enum(metricNames)
    .optional()
    .describe('Metric that trials are compared by; by default accuracy, or rmse for regression.'),
  rule: z
    .enum(['oneStandardError', 'best'])
    .default('oneStandardError')
    .describe(
      'oneStandardError: of the trials within one standard error of the best, the one nearest to the recipe’s ' +
        'own values.',
    ),
});

export type TunableConfig = z.output<typeof tunable>;
export type TuneConfig = z.output<typeof tuneSchema>;
