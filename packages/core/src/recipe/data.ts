// The data section of a recipe: where the rows of each set come from, how they are drawn, and how they become inputs.
import { z } from 'zod';
import { limits } from '../error/limits.js';
import { count, fraction, positive } from './fields.js';
import { source } from './source/sources.js';

const missing = z
  .enum(['error', 'mean', 'drop'])
  .describe('What to do with an empty cell of a number column: error, mean (of the training rows), or drop (the row).');
const decimal = z
  .enum(['.', ','])
  .optional()
  .describe(
    'What begins the decimals of numbers in text: "," for 1.234,50, "." for 1,234.50. Digits may then be in groups ' +
      'of three. By default numbers are written as 1234.50, without groups.',
  );
const column = z.union([
  z.enum(['number', 'category', 'ignore']),
  z.strictObject({
    number: z
      .enum(['standardize', 'minMax', 'log', 'none'])
      .describe(
        'standardize: mean 0, deviation 1. minMax: 0 to 1. log: sign(v)·ln(1 + |v|), standardised. none: ' +
          'unchanged. Fitted on the training rows of the large set.',
      ),
    missing: missing.optional(),
    indicator: z.boolean().default(false).describe('Adds an input that is 1 if the cell is empty.'),
    decimal,
  }),
  z.strictObject({
    category: z
      .enum(['oneHot', 'hash', 'index'])
      .describe(
        'oneHot: an input per category. hash: an input per bucket. index: one input, the index of the category ' +
          'counted from 1, for a model that embeds it; 0 is a category that is not in the training rows.',
      ),
    buckets: count(100_000).default(64).describe('Buckets of hash.'),
  }),
]);

const table = z.strictObject({
  target: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).describe('Column, or columns, to predict.'),
  columns: z
    .record(z.string(), column)
    .default({})
    .describe(
      'Types of columns, and how they become inputs; the types of other columns are detected from the large set.',
    ),
  missing: missing.default('error'),
  standardize: z
    .boolean()
    .default(true)
    .describe(
      'Scales number columns, and the targets of regression, to mean 0 and deviation 1, fitted on the training ' +
        'rows of the large set. Metrics and predictions are in the targets’ own units.',
    ),
  delimiter: z.string().length(1).default(','),
  decimal,
  units: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Texts before or after numbers that are left out, such as "$" and "%": 7.6% is read as 7.6.'),
});

const tensors = z.strictObject({
  scale: z
    .enum(['unit', 'symmetric', 'standardize', 'none'])
    .describe(
      'unit: bytes to 0 … 1. symmetric: bytes to −1 … 1. standardize: mean 0 and deviation 1 per channel, ' +
        'fitted on the training rows of the large set. none: unchanged. By default unit for bytes, none for ' +
        'other numbers.',
    ),
});

const targetTransform = z
  .enum(['standardize', 'log', 'log1p', 'yeoJohnson', 'none'])
  .describe(
    'standardize: mean 0, deviation 1. log: ln y, standardised, for positive numbers. log1p: ln(1 + y), ' +
      'standardised, for numbers above −1. yeoJohnson: the power transform that makes them most like a normal ' +
      'distribution, standardised. none: unchanged. Fitted on the training rows of the large set.',
  );

export const dataSchema = z.strictObject({
  large: source.describe('The set that the teacher is trained on.'),
  small: source.optional().describe('The set that the student is trained on.'),
  pool: source.optional().describe('Rows without labels, for distill.transfer; labels in the source are not read.'),
  test: source
    .optional()
    .describe('Held-out rows, never used for training. Required unless split.test holds out rows of the large set.'),
  sampling: z
    .strictObject({
      classes: z
        .union([z.literal('balanced'), z.record(z.string(), positive)])
        .optional()
        .describe('balanced: an epoch draws every class equally often. Otherwise the share of each class.'),
      weights: z
        .string()
        .min(1)
        .optional()
        .describe('Column of weights: an epoch draws rows in proportion to them, in levels of 2^(1/4).'),
      rows: count(limits.rowCount).optional().describe('Rows that an epoch draws; by default as many as there are.'),
    })
    .optional()
    .describe('How an epoch of the teacher draws from the large set; by default each row once.'),
  targetTransform: z
    .union([targetTransform, z.array(targetTransform).min(1)])
    .optional()
    .describe(
      'How targets of regression become what a model is trained on, which metrics and predictions undo; a list has ' +
        'one per target. By default standardize for tables, unless table.standardize is false, and none for others.',
    ),
  tensors: tensors.optional().describe('How rows that are not tables (images, arrays) become inputs.'),
  split: z
    .strictObject({
      by: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Column whose hash decides which rows are held out for validation and test, so that rows with the ' +
            'same value stay together. By default rows are held out one by one.',
        ),
      test: fraction.default(0).describe('Share of the large set that is held out as the test set.'),
    })
    .optional()
    .describe('How rows are held out.'),
  table: table
    .optional()
    .describe('How tables are read: CSV, Parquet, JSON lines and SQL. Required if a set is a table.'),
});

export type TargetTransformConfig = z.output<typeof targetTransform>;
export type TableConfig = z.output<typeof table>;
export type ColumnConfig = z.output<typeof column>;
