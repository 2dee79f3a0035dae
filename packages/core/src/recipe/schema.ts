// The recipe: what a user writes. One zod schema gives the types, the validation and the published JSON Schema.
import { z } from 'zod';
import { augmentSchema } from '../augment/augmentations.js';
import { limits } from '../error/limits.js';
import { moduleFields } from '../extension/module-fields.js';
import { lossNames } from '../loss/losses.js';
import { metricNames } from '../metric/built-in.js';
import { optimizerSchema } from '../optimizer/optimizers.js';
import { termOf, termSchema } from '../term/terms.js';
import { count, fraction, positive, seed } from './fields.js';
import { source } from './source/sources.js';

export const activations = [
  'linear',
  'relu',
  'relu6',
  'elu',
  'selu',
  'gelu',
  'sigmoid',
  'tanh',
  'softplus',
  'softsign',
  'swish',
  'mish',
  'softmax',
] as const;
const activation = z
  .enum(activations)
  .describe('Activation function. Leave the last layer linear: losses for classes expect logits.');
const size2d = z.union([count(1024), z.tuple([count(1024), count(1024)])]);
const padding = z.enum(['valid', 'same']);

const layer = z.union([
  z.literal('flatten'),
  z.literal('batchNormalization'),
  z.literal('layerNormalization'),
  z.literal('globalAveragePooling2d'),
  z.strictObject({
    dense: count(1e7).describe('Units.'),
    activation: activation.optional(),
    bias: z.boolean().optional(),
  }),
  z.strictObject({
    conv2d: count(1e5).describe('Filters.'),
    kernel: size2d,
    strides: size2d.optional(),
    padding: padding.optional(),
    activation: activation.optional(),
    bias: z.boolean().optional(),
  }),
  z.strictObject({
    depthwiseConv2d: size2d.describe('Kernel size.'),
    strides: size2d.optional(),
    padding: padding.optional(),
    activation: activation.optional(),
  }),
  z.strictObject({ maxPooling2d: size2d, strides: size2d.optional(), padding: padding.optional() }),
  z.strictObject({ averagePooling2d: size2d, strides: size2d.optional(), padding: padding.optional() }),
  z.strictObject({ dropout: fraction.describe('Share of units dropped.') }),
  z.strictObject({ gaussianNoise: positive.describe('Standard deviation.') }),
  z.strictObject({ activation }),
  z.strictObject({ reshape: z.array(count(1e7)).min(1) }),
]);

const model = z.union([
  z.strictObject({ layers: z.array(layer).min(1).max(limits.layerCount) }).describe('A short list of layers.'),
  z
    .strictObject({ topology: z.string().min(1) })
    .describe(
      'Path of a TFJS model.json, or of a file with only its topology. Its weights are not read: training ' +
        'starts from new initial weights.',
    ),
  z
    .strictObject({ module: z.string().min(1), export: z.string().min(1).default('default') })
    .describe(
      'A JavaScript module that exports ({ tf, inputShape, outputs, seed }) => tf.LayersModel. It must be ' +
        'self-contained: no imports of its own.',
    ),
]);

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

const training = {
  model,
  optimizer: optimizerSchema.prefault({ name: 'adam' }),
  schedule: schedule.prefault({ name: 'constant' }).describe('Learning-rate schedule.'),
  batch: count(1e9).default(32).describe('Global batch: rows of one step over all ranks.'),
  epochs: count(1e6).default(10),
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

const missing = z
  .enum(['error', 'mean', 'drop'])
  .describe('What to do with an empty cell of a number column: error, mean (of the training rows), or drop (the row).');
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

const data = z.strictObject({
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

const tune = z.strictObject({
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
  tune: tune
    .optional()
    .describe('Tunes hyperparameters by cross-validation on the small set, after the teacher is trained.'),
});

const trainedTeacher = z
  .strictObject({
    ...training,
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
  data,
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
  student: z.strictObject(training).optional(),
  distill: distillSchema.optional(),
});

/** A recipe as a user writes it: defaults left out. */
export type RecipeInput = z.input<typeof recipeSchema>;
/** A recipe with its defaults filled in. */
export type Recipe = z.output<typeof recipeSchema>;
export type ModelConfig = z.output<typeof model>;
export type TrainedTeacherConfig = z.output<typeof trainedTeacher>;
export type PretrainedTeacherConfig = z.output<typeof pretrainedTeacher>;
export type LayerConfig = z.output<typeof layer>;
export type LearningRateSchedule = z.output<typeof schedule>;
export type EarlyStoppingConfig = z.output<typeof earlyStopping>;
export type TableConfig = z.output<typeof table>;
export type ColumnConfig = z.output<typeof column>;
export type DistillConfig = z.output<typeof distillSchema>;
export type CopyConfig = z.output<typeof copy>;
export type TunableConfig = z.output<typeof tunable>;
export type TuneConfig = z.output<typeof tune>;
export type TransferConfig = z.output<typeof transfer>;
export type TrainingConfig = Omit<TrainedTeacherConfig, 'temperature'>;

/** Whether a student learns from its teacher's outputs, and not only from its layers. */
export const learnsFromOutputs = ({ terms, rejectBeyond, calibrate, correctBiases }: DistillConfig): boolean =>
  rejectBeyond !== undefined || calibrate || correctBiases || terms.some((term) => !termOf(term).comparesLayers);

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
