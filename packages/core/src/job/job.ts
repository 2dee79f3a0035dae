// What every process of a run knows: the recipe, the shape of the data, and the phases that follow from them.
import { hashName, hashWords } from '../random/random.js';
import type { FittedColumn } from '../format/columns.js';
import type { LossConfig } from '../loss/losses.js';
import type { TargetScale } from '../loss/target-scale.js';
import { invariant } from '../error/errors.js';
import { baselineConfig, baselineEpochs } from '../recipe/baseline-config.js';
import type { DistillConfig } from '../recipe/distill.js';
import { isTrained, type Recipe, type TrainedTeacherConfig, type TrainingConfig } from '../recipe/schema.js';
import type { EarlyStoppingConfig, LearningRateSchedule } from '../recipe/training.js';
import type { WireFormat } from '../recipe/wire-format.js';
import { ledgerDigest } from '../order/ledger.js';
import type { Segment } from '../order/row.js';
import { drawnLedger } from '../order/sampling.js';
import { stepsPerEpoch, totalSteps, type Schedule } from '../order/schedule.js';
import { learningRateAt } from './learning-rate.js';
import type { PhaseName } from './phase-name.js';

/** Sets as a user knows them. */
export const setTitles = {
  large: 'data.large',
  largeValidation: 'validation rows of data.large',
  small: 'data.small',
  smallValidation: 'validation rows of data.small',
  pool: 'data.pool',
  test: 'test rows',
} as const;

export type SetName = keyof typeof setTitles;

/** A set of rows, cut into content-hashed blocks of `blockRows` rows (the last may be shorter). */
export interface SetManifest {
  readonly rowCount: number;
  readonly blockRows: number;
  /** How many blocks rows are drawn from at a time; absent if the set is shuffled whole. */
  readonly windowBlocks?: number | undefined;
  /** SHA-256 of each block. */
  readonly blocks: readonly string[];
  /** Present if the set consists only of these rows of the blocks, in this order: a fold of cross-validation. */
  readonly selection?: readonly number[] | undefined;
  /** Digest of the ledger of an epoch that uses every row once. */
  readonly rowsDigest: string;
  /** Present if an epoch draws rows in proportions instead of each once. */
  readonly segments?: readonly Segment[] | undefined;
}

/** The shape of rows for a model. */
export interface ModelShape {
  /** Shape of one row's input. */
  readonly inputShape: readonly number[];
  /** How the columns of a block become a row's input, in order. */
  readonly columns: readonly FittedColumn[];
  /** Outputs that a model needs: classes, or targets. */
  readonly outputs: number;
  /** Names of the classes, if the data have names. */
  readonly classes: readonly string[] | null;
}

export interface DatasetManifest extends ModelShape {
  /**
   * The student's shape, if the small set has columns or classes that the large one lacks; they come after the
   * teacher's.
   */
  readonly student?: ModelShape | undefined;
  /** Numbers per label in a block: 1 class index, or one per target. */
  readonly labelCount: number;
  /** How regression targets were transformed and scaled; empty if they were not. */
  readonly targets: readonly TargetScale[];
  readonly sets: Partial<Record<SetName, SetManifest>>;
}

/** The data as the model of a phase sees it. */
export const datasetOf = ({ student, ...teacher }: DatasetManifest, phase: PhaseName): DatasetManifest =>
  phase === 'teacher' ? teacher : { ...teacher, ...student };

/** Whether the large set's rows lack columns that the student takes. */
export const lacksColumns = ({ student, columns }: DatasetManifest): boolean =>
  student !== undefined && student.columns.length > columns.length;

/** Files that the recipe's models name, read by the coordinator so that workers need no file of its machine. */
export interface ModelAssets {
  /** Topology JSON, or source of the module. */
  readonly teacher?: string;
  readonly student?: string;
  /** SHA-256 of the modules that give rows, by their paths in the recipe. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Models of a pretrained teacher. */
  readonly teachers?: readonly TeacherFiles[];
}

/** A pretrained model, whose files can be fetched like blocks of data. */
export interface TeacherFiles {
  /** Its path, for messages. */
  readonly path: string;
  /**
   * layers, graph: TFJS's, as the files model (model.json) and weights (all shards). keras, onnx: the one file model.
   * savedModel: TensorFlow's, by its own names.
   */
  readonly format: 'layers' | 'graph' | 'keras' | 'onnx' | 'savedModel';
  readonly files: readonly {
    readonly name: string;
    /** SHA-256 of its bytes. */
    readonly hash: string;
  }[];
}

export interface Job {
  readonly runId: string;
  readonly recipe: Recipe;
  readonly dataset: DatasetManifest;
  readonly assets: ModelAssets;
  /** Folder of the blocks, for workers that can read it. */
  readonly blockFolder?: string;
}

export function phasesOf(recipe: Recipe): PhaseName[] {
  return [
    ...(isTrained(recipe.teacher) ? ['teacher' as const] : []),
    ...(recipe.student ? ['student' as const, 'baseline' as const] : []),
  ];
}

export interface Phase {
  readonly name: PhaseName;
  readonly config: TrainingConfig;
  readonly loss: LossConfig;
  /** Only for a student that has a teacher. */
  readonly distill: DistillConfig | undefined;
  readonly schedule: Schedule;
  /** What the gradients of ranks are rounded to, and their sums. */
  readonly wire: WireFormat;
  readonly learningRateSchedule: LearningRateSchedule;
  readonly trainSet: SetName;
  readonly validationSet: SetName | undefined;
  readonly earlyStopping: EarlyStoppingConfig | undefined;
}

function trainedTeacher({ teacher }: Recipe): TrainedTeacherConfig {
  invariant(isTrained(teacher), 'the teacher is trained here');
  return teacher;
}

export function phaseOf(job: Pick<Job, 'recipe' | 'dataset'>, name: PhaseName): Phase {
  const { recipe, dataset } = job;
  const isTeacher = name === 'teacher';
  const isBaseline = name === 'baseline';
  const config = isTeacher ? trainedTeacher(recipe) : isBaseline ? baselineConfig(recipe) : recipe.student!;
  const trainSet: SetName = isTeacher ? 'large' : 'small';
  const { rowCount, blockRows, segments, windowBlocks } = dataset.sets[trainSet]!;
  const validationSet: SetName = isTeacher ? 'largeValidation' : 'smallValidation';
  return {
    name,
    config,
    loss: recipe.loss,
    distill: name === 'student' ? recipe.distill : undefined,
    schedule: {
      rowCount: segments ? segments.reduce((sum, { draws }) => sum + draws, 0) : rowCount,
      batch: config.batch,
      ranks: isTeacher ? recipe.ranks : 1,
      epochs: isBaseline ? baselineEpochs(recipe) : config.epochs,
      seed: phaseSeed(recipe, name),
      ...(windowBlocks === undefined ? {} : { windows: { blockRows, windowBlocks } }),
      ...(segments === undefined ? {} : { segments }),
    },
    // Students have one rank, whose gradient travels nowhere.
    wire: isTeacher ? recipe.wire : 'fp32',
    learningRateSchedule: config.schedule,
    trainSet,
    validationSet: dataset.sets[validationSet] ? validationSet : undefined,
    earlyStopping: config.earlyStopping,
  };
}

/** Student and baseline share their seed: the same initial weights, the same order of rows. */
export function phaseSeed(recipe: Pick<Recipe, 'seed'>, name: PhaseName): number {
  return hashWords(recipe.seed, hashName(name === 'teacher' ? 'teacher' : 'student'));
}

/** Digest of the ledger of the rows that an epoch uses. */
export function expectedRowsDigest(
  { dataset }: Pick<Job, 'dataset'>,
  { trainSet, schedule: { segments, seed, windows } }: Phase,
  epoch: number,
): string {
  return segments
    ? ledgerDigest(drawnLedger(segments, { seed, epoch, isWhole: windows === undefined }))
    : dataset.sets[trainSet]!.rowsDigest;
}

export function phaseLearningRate(phase: Phase, step: number): number {
  return learningRateAt(phase.config.optimizer.learningRate, phase.learningRateSchedule, {
    step,
    stepsPerEpoch: stepsPerEpoch(phase.schedule),
    // A baseline of fewer epochs is cut off, as its cross-validation was.
    totalSteps: totalSteps({ ...phase.schedule, epochs: phase.config.epochs }),
  });
}
