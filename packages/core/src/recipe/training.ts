// How a model is trained: its optimiser, the schedule of its learning rate, its batches and epochs, and when it stops.
import { z } from 'zod';
import { augmentSchema } from '../augment/augmentations.js';
import { metricNames } from '../metric/built-in.js';
import { optimizerSchema } from '../optimizer/optimizers.js';
import { count, fraction } from './fields.js';
import { modelSchema } from './model.js';

const warmupSteps = z
  .int()
  .min(0)
  .max(1e9)
  .default(0)
  .describe('Steps over which the rate rises linearly to its full value.');
const schedule = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('constant'), warmupSteps }),
  z.strictObject({
    name: z.literal('step'),
    everyEpochs: count(1e6),
    factor: z.number().positive().lt(1),
    warmupSteps,
  }),
  z.strictObject({
    name: z.literal('cosine'),
    finalFactor: fraction.default(0).describe('Rate at the end, as a share of the full rate.'),
    warmupSteps,
  }),
]);

const earlyStopping = z.strictObject({
  metric: z.enum(metricNames).default('loss').describe('A metric of the validation rows.'),
  patience: count(1e6).describe('Epochs without improvement after which training stops.'),
  minDelta: z.number().min(0).default(0),
  restoreBest: z.boolean().default(true).describe('Restores the weights of the best epoch.'),
});

const precisions = ['fp32', 'tf32', 'bf16'] as const;
export type Precision = (typeof precisions)[number];

/** What a teacher and a student have in common. */
export const trainingFields = {
  model: modelSchema,
  optimizer: optimizerSchema.prefault({ name: 'adam' }),
  schedule: schedule.prefault({ name: 'constant' }).describe('Learning-rate schedule.'),
  batch: count(1e9).default(32).describe('Global batch: rows of one step over all ranks.'),
  epochs: count(1e6).default(10),
  precision: z
    .enum(precisions)
    .default('fp32')
    .describe(
      'How products of matrices and convolutions are computed while training. tf32: inputs rounded to 10 bits, on ' +
        'GPUs of NVIDIA, for all models of a recipe or none. bf16: inputs and results rounded to 7 bits, on ' +
        'tensorflow. Weights, gradients and everything else stay fp32.',
    ),
  validation: fraction
    .default(0)
    .describe('Share of the training rows that is held out; its metrics are reported per epoch.'),
  earlyStopping: earlyStopping.optional(),
  augment: augmentSchema
    .optional()
    .describe(
      'Changes training rows at random, per row and epoch, from the seed. All built-in ones except mixup are for ' +
        'images.',
    ),
  prune: z
    .strictObject({
      sparsity: fraction.describe('Share of the kernels’ weights that are 0 at the end.'),
      from: z.int().min(0).max(1e6).default(0).describe('First epoch at whose end weights become 0, counted from 0.'),
      to: z.int().min(0).max(1e6).describe('Epoch at whose end the full share is 0.'),
    })
    .optional()
    .describe('Sets the weights of the smallest magnitude to 0, more with each epoch, and keeps them at 0.'),
};

export type LearningRateSchedule = z.output<typeof schedule>;
export type EarlyStoppingConfig = z.output<typeof earlyStopping>;
