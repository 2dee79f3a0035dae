// run.json: what a run did, as a published schema.
import { z } from 'zod';
import type { Calibration } from '../metric/calibration.js';
import { phaseNames, storedPhaseName, withTodaysNames, type PhaseName } from './phase-name.js';
import { messageOf, StillhouseError } from '../error/errors.js';
import type { Metrics } from '../metric/metrics.js';
import { metricNames } from '../metric/built-in.js';

/** How long something took, over many times, in milliseconds. */
export interface DurationSummary {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

export interface EpochRecord {
  readonly epoch: number;
  readonly rows: number;
  readonly rowsDigest: string;
  readonly trainLoss: number;
  readonly learningRate: number;
  readonly validation?: Metrics;
  readonly seconds: number;
}

export interface PhaseRecord {
  readonly phase: PhaseName;
  readonly workers: number;
  readonly steps: number;
  /** Exchanges between ranks, if they take several steps by themselves between them. */
  readonly rounds?: number;
  readonly samples: number;
  readonly seconds: number;
  readonly samplesPerSecond: number;
  readonly dataWait: { readonly msPerStep: number; readonly share: number };
  readonly waits?: readonly {
    readonly workerId: string;
    readonly steps: number;
    readonly data?: DurationSummary | undefined;
    readonly exchange?: DurationSummary | undefined;
  }[];
  readonly stopped: string;
  readonly expectedRowsDigest: string;
  readonly epochs: readonly EpochRecord[];
  readonly test: Metrics;
  readonly parameters: number;
  readonly bytes: number;
  readonly weightsSha256: string;
  readonly calibration?: Calibration;
  readonly teacherTest?: Metrics;
}

const metrics = z.looseObject({ loss: z.number().nullable(), rows: z.int() });
const epoch = z.object({
  epoch: z.int().describe('Counted from 0; texts count from 1.'),
  rows: z.int().describe('Rows used in this epoch.'),
  rowsDigest: z.string().describe('Order-independent digest of their ids.'),
  trainLoss: z.number().nullable(),
  learningRate: z.number(),
  validation: metrics.optional(),
  seconds: z.number(),
});
const durations = z.object({ meanMs: z.number(), p50Ms: z.number(), p95Ms: z.number() });
const phase = z.object({
  phase: z.enum(phaseNames),
  workers: z.int().describe('Workers that held ranks.'),
  steps: z.int(),
  rounds: z.int().optional().describe('Exchanges between ranks, if they have several steps between them (sync).'),
  samples: z.int().describe('Rows seen, over all epochs.'),
  seconds: z.number(),
  samplesPerSecond: z.number(),
  dataWait: z
    .object({ msPerStep: z.number(), share: z.number() })
    .describe('How long a step waited for rows, averaged over workers and steps, and as a share of the time.'),
  waits: z
    .array(
      z.object({
        workerId: z.string(),
        steps: z.int().describe('Steps that it computed for ranks of its own.'),
        data: durations.optional().describe('How long a step waited for rows.'),
        exchange: durations
          .optional()
          .describe(
            'Exposed time: from the end of its own computation to the sum over all ranks; absent if it never trained ' +
              'together with another worker.',
          ),
      }),
    )
    .optional()
    .describe('What steps waited for, per member at the end of the phase, in milliseconds.'),
  stopped: z.string().describe('Why training ended.'),
  expectedRowsDigest: z
    .string()
    .describe(
      'Digest of the rows of an epoch that uses each row once; of the first epoch if rows are drawn in ' +
        'proportions, since other epochs then use other rows.',
    ),
  epochs: z.array(epoch),
  test: metrics.describe('Metrics on the test set.'),
  parameters: z.int().describe('Trainable parameters.'),
  bytes: z.int().describe('Size of all weights in bytes, trained or not.'),
  calibration: z
    .object({
      temperature: z.number(),
      rows: z.int().describe('Rows that it was fitted on.'),
      before: z.object({ loss: z.number(), ece: z.number() }),
      after: z.object({ loss: z.number(), ece: z.number() }),
    })
    .optional()
    .describe(
      'Student phase: the temperature that the teacher’s logits were divided by, with its loss and expected ' +
        'calibration error before and after.',
    ),
  teacherTest: metrics
    .optional()
    .describe('Student phase: test metrics of a pretrained teacher, if the student learns from its outputs.'),
  weightsSha256: z
    .string()
    .describe('SHA-256 of the trainable weights as little-endian fp32 in model.trainableWeights order.'),
});

/**
 * A record that an earlier version may have stored, checked by the schema that run.json has for it. Numbers that are
 * not finite are null in JSON, and are checked as if they were 0.
 */
const stored = <Stored>(schema: z.ZodType) =>
  z.custom<Stored>(
    (value) => schema.safeParse(JSON.parse(JSON.stringify(value ?? null), (_key, each: unknown) => each ?? 0)).success,
  );
export const storedEpoch = stored<EpochRecord>(epoch);
export const storedPhase = stored<PhaseRecord>(phase.extend({ phase: storedPhaseName })).transform((record) => ({
  ...record,
  phase: storedPhaseName.parse(record.phase),
}));

const tuned = z
  .object({
    values: z.record(z.string(), z.number()).describe('The chosen values, by path in the recipe.'),
    reason: z.string(),
    metric: z.enum(metricNames),
    mean: z.number().describe('Mean of the chosen trial over all folds.'),
    standardError: z.number().describe('Standard error of that mean.'),
    trials: z.array(
      z.object({
        trial: z.int(),
        values: z.record(z.string(), z.number()),
        folds: z.int().describe('Folds that it was evaluated on.'),
        mean: z.number().nullable(),
        standardError: z.number().nullable(),
        comparable: z.number().nullable().describe('Mean over the folds that every trial was evaluated on.'),
      }),
    ),
    folds: z.int().describe('Folds of all repeats.'),
    trainings: z.int(),
    seconds: z.number(),
  })
  .describe('The search that found the values that the student was trained with.');

export type TunedRecord = z.infer<typeof tuned>;

const baselineChoice = z
  .object({
    epochs: z.int().describe('Epochs that the baseline trains for.'),
    studentEpochs: z.int().describe('Epochs that the student trains for.'),
    values: z.record(z.string(), z.number()).describe('Numbers in which it differs from the student, by path.'),
    metric: z.enum(metricNames),
    mean: z.number().nullable().describe('Mean of the metric over folds after the chosen epochs.'),
    meanOfAll: z.number().nullable().describe('The same after as many epochs as the student has.'),
    folds: z.int().describe('Folds of all repeats; 0 if the small set has too few rows to be cross-validated.'),
    trials: z.int(),
    trainings: z.int(),
    seconds: z.number(),
    reason: z.string(),
  })
  .describe('How it was chosen for how many epochs the baseline trains.');

export type BaselineRecord = z.infer<typeof baselineChoice>;

export const runRecordSchema = z.object({
  runId: z.string(),
  name: z.string(),
  status: z.enum(['running', 'done', 'failed']),
  error: z.object({ code: z.string(), message: z.string(), stack: z.string().optional() }).optional(),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  recipe: z.record(z.string(), z.unknown()),
  recipeFolder: z.string().describe('Folder that the paths in the recipe are relative to.'),
  recipeSha256: z.string().describe('SHA-256 of the recipe as JSON with its defaults filled in.'),
  seed: z.int(),
  versions: z.object({ stillhouse: z.string(), node: z.string(), protocol: z.int() }),
  dataset: z
    .looseObject({ rows: z.record(z.string(), z.int()), sha256: z.string() })
    .describe('Shapes of the rows, the row count of each set, and a hash of all blocks.'),
  assetsSha256: z.string().describe('SHA-256 of the files that the models name.'),
  workers: z.array(
    z.object({
      workerId: z.string(),
      host: z.string(),
      fingerprint: z.string(),
      ranks: z
        .object({ lo: z.int(), hi: z.int() })
        .optional()
        .describe('Ranks of the teacher that it last held; hi = lo is a spare.'),
      left: z.string().optional().describe('Why it left, if it did.'),
    }),
  ),
  stepTimes: z
    .object({
      workers: z.array(
        z.object({
          workerId: z.string(),
          ranks: z.int(),
          rankMs: z.number().describe("Time of one rank's micro-batch."),
          exchangeMs: z.number().describe('Time from the end of its own computation to the sum over all ranks.'),
        }),
      ),
      computeMs: z.number().describe('What the slowest worker computes.'),
      exchangeMs: z.number().describe('What is left once all have computed.'),
      aloneMs: z.number().optional().describe('What the fastest of them would take for a step without the others.'),
      fewer: z
        .object({ workers: z.int(), stepMs: z.number() })
        .optional()
        .describe('How many workers would take clearly less time, and how much.'),
    })
    .optional()
    .describe('What a step of the teacher on several workers computed and exchanged near its start, in milliseconds.'),
  membershipChanges: z.int().describe('Generations after the first one of each phase.'),
  incidents: z
    .array(z.object({ at: z.string(), workerId: z.string().optional(), what: z.string() }))
    .describe('What went wrong or slowly: the newest thousand.'),
  teacher: phase.optional(),
  tuned: tuned.optional(),
  baselineChoice: baselineChoice.optional(),
  student: phase.optional(),
  baseline: phase.optional(),
});

export type RunRecord = z.infer<typeof runRecordSchema>;

/**
 * Reads run.json, of this version or of 0.1.
 * @param file its path, for messages
 * @throws StillhouseError RUN_NOT_FOUND
 */
export function parseRunRecord(text: string, file: string): RunRecord {
  try {
    return runRecordSchema.parse(withTodaysNames(JSON.parse(text)));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll(/\s*\n\s*/g, ' ') : messageOf(cause);
    throw new StillhouseError('RUN_NOT_FOUND', `${file} is not a run.json of this version: ${reason}`, { cause });
  }
}

/**
 * Test metrics of the teacher, trained in the run or pretrained; undefined if the student does not learn from its
 * outputs.
 */
export const teacherTestOf = ({ teacher, student }: RunRecord): Metrics | undefined =>
  (teacher?.test ?? student?.teacherTest) as Metrics | undefined;

/** The published JSON Schema (draft 2020-12) of run.json. */
export function runJsonSchema(): Record<string, unknown> {
  return { title: 'Stillhouse run.json', ...z.toJSONSchema(runRecordSchema) };
}
