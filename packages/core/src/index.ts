// @stillhouse/core: the pure parts of Stillhouse. No sockets, timers, engine or process in here.
export {
  blendWeight,
  changeImage,
  drawPlacement,
  moduleAugmentations,
  type AugmentConfig,
} from './augment/augmentations.js';
export {
  defineAugmentation,
  type AugmentedRow,
  type BlendingAugmentation,
  type PlacingAugmentation,
  type Placement,
  type RowAugmentation,
} from './augment/define-augmentation.js';
export { Collective, type Outgoing, type CollectiveOptions, type OpFrame } from './collective/collective.js';
export { lossesOf, slotsPerRank, type FlatLayout } from './collective/flat-layout.js';
export { decodeFrame, encodeFrame, type MeshFrame } from './collective/frames.js';
export { addInto, sumSubtree, type Span, type Leaves } from './collective/tree.js';
export {
  emptyHistory,
  replayJournal,
  type CheckpointRecord,
  type JournalRecord,
  type RunHistory,
  type KnownEpoch,
} from './coordinator/journal.js';
export { coordinatorTransition, initialCoordinatorState } from './coordinator/machine.js';
export {
  membersOf,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorNotice,
  type CoordinatorOptions,
  type CoordinatorState,
  type MembershipState,
  type WorkerInfo,
  type WorkerShare,
  type Worker,
  type PhaseProgress,
  type CheckpointState,
  type Accusation,
  type Transition as CoordinatorTransition,
  type Heartbeat,
} from './coordinator/state.js';
export {
  exitCodes,
  fromErrorRecord,
  invariant,
  messageOf,
  StillhouseError,
  toErrorRecord,
  type ErrorRecord,
  type ErrorCode,
} from './error/errors.js';
export { limits } from './error/limits.js';
export type { ModuleConfig } from './extension/module-kind.js';
export { cacheFolder, type Env } from './format/cache-folder.js';
export {
  bucketOf,
  cellSize,
  columnWidth,
  encodeColumns,
  inputWidth,
  logarithmic,
  type CategoryColumn,
  type FittedColumn,
  type NumberColumn,
  type TensorColumn,
  type Placing,
} from './format/columns.js';
export { modelFiles, type ExportedModel, type ModelFiles } from './format/model-files.js';
export type { ModelMetadata } from './format/model-metadata.js';
export { canPredict, predictionOf } from './format/prediction.js';
export { quantizeModel, weightFormats, type WeightFormat } from './format/quantize.js';
export {
  encodeTableRows,
  encodeTensorRows,
  missingMarks,
  type Cell,
  type RowErrorCode,
  type RowErrorFactory,
  type TableRow,
  type Time,
} from './format/rows.js';
export {
  bytesOf,
  decodeSafetensors,
  encodeSafetensors,
  floatsOf,
  joinBytes,
  numbersOf,
  zerosOf,
  type NamedTensor,
  type Numbers,
  type TensorType,
} from './format/safetensors.js';
export { decideEarlyStopping, type EarlyStoppingDecision } from './job/early-stopping.js';
export {
  datasetOf,
  phaseLearningRate,
  phaseOf,
  phaseSeed,
  phasesOf,
  type DatasetManifest,
  type Job,
  type ModelAssets,
  type ModelShape,
  type Phase,
  type SetManifest,
  type SetName,
  type TeacherFiles,
} from './job/job.js';
export { planJob } from './job/plan-job.js';
export { phaseNames, storedNamesOf, type PhaseName } from './job/phase-name.js';
export {
  runJsonSchema,
  parseRunRecord,
  teacherTestOf,
  type PhaseRecord,
  type RunRecord,
  type TunedRecord,
  type EpochRecord,
} from './job/run-record.js';
export {
  defineLoss,
  outputsFor,
  type HardLoss,
  type LabelKind,
  type Loss,
  type LossDefinition,
  type LossFacts,
  type LossRow,
  type SoftLoss,
} from './loss/define-loss.js';
export { lossOf, readsAs, type LossConfig, type LossName } from './loss/losses.js';
export type { Layer, NestedArray, Operand, Tensor, Tensor2D, TensorOps } from './loss/tensor-ops.js';
export { inUnits, softmax, type Prediction, type TargetScale } from './loss/prediction.js';
export { fitTemperature, type Calibration, type LabelledOutputs } from './metric/calibration.js';
export { fitBiases } from './metric/class-shares.js';
export {
  finishMetrics,
  measuredNames,
  measuresOf,
  metricNameOf,
  metricsOf,
  smallerIsBetter,
  totalMetrics,
  type MetricConfig,
  type Metrics,
} from './metric/metrics.js';
export { builtInMetric, type BuiltInMetric, type Measured, type MetricName } from './metric/built-in.js';
export { defineMetric, type Metric, type MetricDefinition } from './metric/define-metric.js';
export { addRows, emptySums, type MeasureFacts, type Measures, type MetricSums } from './metric/sums.js';
export { estimate, type Estimate } from './metric/statistics.js';
export { powerOf } from './optimizer/adam-step.js';
export type { Optimizer, OptimizerKernels, OptimizerStep } from './optimizer/define-optimizer.js';
export { optimizerOf, type OptimizerConfig } from './optimizer/optimizers.js';
export { countRows, emptyLedger, ledgerDigest, wholeLedger, type Ledger } from './order/ledger.js';
export { epochOrder, type EpochOrder, type Windows } from './order/order.js';
export type { RowIds, Segment } from './order/row.js';
export { dealDraws } from './order/sampling.js';
export { batchRows, rankShare, stepsPerEpoch, totalSteps, type Schedule } from './order/schedule.js';
export { keyedPermutation, type Permutation } from './random/permutation.js';
export { gaussian, hashName, hashWords, randomStream, type RandomStream } from './random/random.js';
export { openModules, withSources } from './recipe/open-modules.js';
export { parseRecipe, refuseRecipe } from './recipe/parse.js';
export { formatPath, leavesOf, parsePath, withValueAt, type Path } from './recipe/path.js';
export {
  activations,
  defineRecipe,
  distillSchema,
  isTrained,
  learnsFromOutputs,
  recipeJsonSchema,
  recipeSchema,
  usesPool,
  type ColumnConfig,
  type CopyConfig,
  type DistillConfig,
  type LayerConfig,
  type ModelConfig,
  type PretrainedTeacherConfig,
  type Recipe,
  type RecipeInput,
  type TableConfig,
  type TrainingConfig,
  type TransferConfig,
  type EarlyStoppingConfig,
  type LearningRateSchedule,
  type TrainedTeacherConfig,
  type TunableConfig,
  type TuneConfig,
} from './recipe/schema.js';
export {
  hasTable,
  isMix,
  plainSourcesOf,
  sourceKeyOf,
  sourceKeys,
  type PlainSourceConfig,
  type SourceConfig,
  type SourceConfigOf,
  type SourceInput,
  type SourceKey,
} from './recipe/source/sources.js';
export {
  defineTerm,
  type LayerShapes,
  type Response,
  type Term,
  type TermBatch,
  type TermDefinition,
  type TermTask,
} from './term/define-term.js';
export { optionsOf, termOf, type TermConfig } from './term/terms.js';
export { foldsOf, type Fold, type FoldsConfig } from './tune/folds.js';
export { gaussianProcess, type Vector, type Process, type Belief } from './tune/gaussian-process.js';
export {
  searchState,
  type Evaluation,
  type SearchState,
  type SearchOptions,
  type CostOf,
  type Trial,
  type Judged,
} from './tune/search.js';
export { coordinateOf, pointOf, spaceOf, tunedJob, type Dimension, type TunedValues } from './tune/space.js';
export { trialJob } from './tune/trial-job.js';
export {
  decodeBlockAnswer,
  decodeBlockQuestion,
  decodeMeshHello,
  decodeToCoordinator,
  decodeToWorker,
  encodeMessage,
  protocolVersion,
  type BlockAnswer,
  type BlockQuestion,
  type Held,
  type MeshHello,
  type ToCoordinator,
  type ToWorker,
  type Member,
} from './wire/messages.js';
export {
  lengthOf,
  partAt,
  readTraining,
  stateFrames,
  trainingParts,
  type NamedBuffer,
  type StateAssembly,
} from './wire/training-file.js';
export {
  afterEpoch,
  afterStep,
  afterTest,
  initialTraining,
  nextTask,
  type TrainingState,
  type EpochEnd,
  type Task,
  type EpochReport,
} from './wire/training-state.js';
export type { Clock, Link, Listener, Transport } from './wire/transport.js';
export { initialWorkerState, workerTransition } from './worker/machine.js';
export type {
  Membership,
  RankRows,
  WorkerEffect,
  WorkerEvent,
  WorkerIdentity,
  WorkerState,
  Activity,
  Transition as WorkerTransition,
  Preparing,
  Running,
} from './worker/state.js';
export type { BlockTracker } from './coordinator/block-tracker.js';
