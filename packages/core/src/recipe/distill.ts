// The distill section of a recipe: what the student learns from its teacher, on which rows.
import { z } from 'zod';
import { augmentSchema } from '../augment/augmentations.js';
import { limits } from '../error/limits.js';
import { termOf, termSchema } from '../term/terms.js';
import { positive } from './fields.js';
import { tuneSchema } from './tune.js';

const transfer = z.strictObject({
  from: z
    .enum(['small', 'large', 'pool', 'columns'])
    .default('small')
    .describe(
      'small: rows of the batch itself, again. large: rows of the large set. pool: rows of data.pool. ' +
        'columns: made-up rows, each column from any row of the batch (not for images).',
    ),
  rows: z.number().positive().max(100).default(1).describe('Rows that are added per row of a batch.'),
  augment: augmentSchema.optional().describe('Changes them, with their own random draws.'),
});

const copy = z
  .union([
    z.literal('all'),
    z
      .array(
        z.strictObject({
          teacher: z.string().min(1).describe('Name of a layer of the teacher.'),
          student: z
            .string()
            .min(1)
            .optional()
            .describe('Name of the student’s layer that gets its weights; by default the same.'),
          freeze: z.boolean().default(false).describe('Keeps the copied weights unchanged.'),
        }),
      )
      .min(1)
      .max(limits.layerCount),
  ])
  .describe(
    'Layers with weights that the student copies from its teacher; all: every layer, from the teacher’s ' +
      'layer of the same name.',
  );

export const distillSchema = z.strictObject({
  alpha: z
    .number()
    .min(-50)
    .max(50)
    .default(0)
    .describe('P = e^alpha: the odds of the soft term against the hard term.'),
  beta: z.number().min(1e-6).max(1e6).default(1).describe('T = 1/beta: the temperature.'),
  final: z
    .strictObject({ alpha: z.number().min(-50).max(50).optional(), beta: z.number().min(1e-6).max(1e6).optional() })
    .optional()
    .describe('Values in the last epoch: alpha moves there linearly, beta by equal factors.'),
  rejectBeyond: positive
    .optional()
    .describe(
      'Labels that are further from the teacher’s output than this count as outliers: such rows learn only ' +
        'from the teacher (regression; in standard deviations of the target if it is scaled).',
    ),
  calibrate: z
    .boolean()
    .default(false)
    .describe(
      'Divides the teacher’s logits first by the temperature that makes them calibrated on validation rows of ' +
        'the large set, or of the small set if there are none (classification).',
    ),
  copy: copy.optional(),
  correctBiases: z
    .boolean()
    .default(false)
    .describe(
      'Shifts the biases of the student’s last layer at the end, until its mean probabilities over rows of the ' +
        'large set are its teacher’s (softmaxCrossEntropy).',
    ),
  terms: z
    .array(termSchema)
    .max(limits.termCount)
    .prefault([{ name: 'kd' }])
    .describe('Terms whose weighted sum is the soft term; empty if layers are copied and nothing else.'),
  transfer: z
    .array(transfer)
    .max(limits.termCount)
    .default([])
    .describe('Rows without labels that are added to each batch; only the teacher labels them.'),
  tune: tuneSchema
    .optional()
    .describe('Tunes hyperparameters by cross-validation on the small set, after the teacher is trained.'),
});

export type DistillConfig = z.output<typeof distillSchema>;
export type CopyConfig = z.output<typeof copy>;
export type TransferConfig = z.output<typeof transfer>;

/** Whether a student learns from its teacher's outputs, and not only from its layers. */
export const learnsFromOutputs = ({ terms, rejectBeyond, calibrate, correctBiases }: DistillConfig): boolean =>
  rejectBeyond !== undefined || calibrate || correctBiases || terms.some((term) => !termOf(term).comparesLayers);
