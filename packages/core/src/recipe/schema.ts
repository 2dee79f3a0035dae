// The recipe: what a user writes. One zod schema gives the types, the validation and the published JSON Schema.
import { z } from 'zod';
import { limits } from '../error/limits.js';
import { moduleFields } from '../extension/module-fields.js';
import { lossNames } from '../loss/losses.js';
import { metricNames } from '../metric/built-in.js';
import { baselineSchema } from './baseline.js';
import { dataSchema } from './data.js';
import { distillSchema } from './distill.js';
import { count, fraction, positive, seed } from './fields.js';
import { trainingFields } from './training.js';
import { wireFormats } from './wire-format.js';

const trainedTeacher = z
  .strictObject({
    ...trainingFields,
    temperature: positive.default(1).describe('Temperature in the teacher’s own loss (classification).'),
  })
  .describe('A teacher that is trained in the run, on the large set.');
const pretrainedTeacher = z
  .strictObject({
    pretrained: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(limits.teacherCount)])
      .describe(
        'Path of a run folder, whose teacher it is, of a TFJS model.json (layers or graph model), of a Keras ' +
          '.h5 or .keras file, of an .onnx file, or of the folder of a SavedModel; several are an ensemble, ' +
          'whose outputs are averaged.',
      ),
    outputs: z
      .enum(['auto', 'logits', 'probabilities'])
      .default('auto')
      .describe(
        'What it outputs for classes; auto: probabilities if its layers end in softmax or sigmoid or, if they ' +
          'are not known, if its outputs for a row of zeros are a distribution; otherwise logits.',
      ),
    validation: fraction
      .default(0)
      .describe('Share of the large set that was held out when it was trained: preprocessing is fitted without it.'),
  })
  .describe('A pretrained teacher.');

export const recipeSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z
    .string()
    .regex(/^[\w][\w .-]{0,99}$/)
    .describe(
      'text of at most 100 letters from a to z, digits, spaces, _, . and -, which begins with a letter, digit or _',
    )
    .default('run'),
  seed: seed.default(0),
  ranks: count(limits.rankCount)
    .default(4)
    .describe(
      'Logical ranks of teacher training. They belong to the job: the number of workers does not change the result.',
    ),
  threads: count(1024)
    .default(1)
    .describe(
      'Threads per rank of the tensorflow engine (wasm and cpu have one); they change the engine’s bits, so ' +
        'they belong to the job.',
    ),
  wire: z
    .enum(wireFormats)
    .default('fp32')
    .describe(
      'What gradients of the teacher’s ranks, and their sums, are rounded to: workers send half of the bytes with ' +
        'bf16 and fp16, a quarter with int8. It belongs to the job: the number of workers does not change the result.',
    ),
  data: dataSchema,
  loss: z
    .union([
      z
        .enum(lossNames)
        .describe(
          'gaussian: for targets whose noise varies from row to row; a model outputs a mean per target, then a ' +
            'log-variance per target.',
        ),
      z
        .strictObject(moduleFields)
        .describe('A loss that a JavaScript module defines; docs/extending.md has an example.'),
    ])
    .describe('What models minimise.'),
  metrics: z
    .array(
      z.union([
        z.enum(metricNames),
        z
          .strictObject(moduleFields)
          .describe('A metric that a JavaScript module defines; docs/extending.md has an example.'),
      ]),
    )
    .optional()
    .describe('Metrics to show; run.json has all metrics of the loss, and those of modules.'),
  teacher: z.union([trainedTeacher, pretrainedTeacher]),
  student: z.strictObject(trainingFields).optional(),
  baseline: baselineSchema.optional(),
  distill: distillSchema.optional(),
});

/** A recipe as a user writes it: defaults left out. */
export type RecipeInput = z.input<typeof recipeSchema>;
/** A recipe with its defaults filled in. */
export type Recipe = z.output<typeof recipeSchema>;
export type TrainedTeacherConfig = z.output<typeof trainedTeacher>;
export type PretrainedTeacherConfig = z.output<typeof pretrainedTeacher>;
export type TrainingConfig = Omit<TrainedTeacherConfig, 'temperature'>;

/** Whether the student learns from rows of data.pool. */
export const usesPool = ({ student, distill }: Recipe): boolean =>
  student !== undefined && (distill?.transfer.some(({ from }) => from === 'pool') ?? false);

export const isTrained = (teacher: Recipe['teacher']): teacher is TrainedTeacherConfig => 'model' in teacher;

/** The published JSON Schema (draft 2020-12) of a recipe file. */
export function recipeJsonSchema(): Record<string, unknown> {
  return { title: 'Stillhouse recipe', ...z.toJSONSchema(recipeSchema, { io: 'input', reused: 'ref' }) };
}

/** Types a recipe in TypeScript; returns it unchanged. */
export function defineRecipe(recipe: RecipeInput): RecipeInput {
  return recipe;
}
