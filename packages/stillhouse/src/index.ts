// stillhouse as a library: everything that the command line does, as typed functions.

// Recipes.
export type { PhaseTime } from '@stillhouse/worker/light';
export {
  defineRecipe,
  parseRecipe,
  recipeJsonSchema,
  runJsonSchema,
  type RandomStream,
  type Recipe,
  type RecipeInput,
  type SourceConfig,
  type SourceConfigOf,
  type SourceInput,
  type SourceKey,
  type TableConfig,
} from '@stillhouse/core';
export {
  defineAugmentation,
  defineLoss,
  defineMetric,
  defineTerm,
  type AugmentedRow,
  type BlendingAugmentation,
  type BuiltInMetric,
  type HardLoss,
  type LabelKind,
  type Layer,
  type LayerShapes,
  type Loss,
  type LossDefinition,
  type LossFacts,
  type LossRow,
  type Metric,
  type MetricDefinition,
  type NestedArray,
  type Operand,
  type Placement,
  type PlacingAugmentation,
  type Response,
  type RowAugmentation,
  type Positives,
  type SharedSums,
  type SoftLoss,
  type TakenLabels,
  type Tensor,
  type Tensor2D,
  type TensorOps,
  type Term,
  type TermBatch,
  type TermDefinition,
  type TermTask,
} from '@stillhouse/core/training';
export { loadRecipe, type LoadedRecipe, type RecipeOptions, type RecipeSource } from './recipe-file.js';

export { validate, type ValidatedPhase, type ValidateOptions, type Validation } from './validate.js';

// Kinds that a module of the user's defines.
export {
  defineSource,
  type Chunk,
  type Database,
  type OpenContext,
  type PathName,
  type ImageFiles,
  type Rows,
  type RowsContext,
  type Source,
  type SourceContext,
  type SourceKind,
  type SourceOptions,
  type Table,
  type ColumnSummary,
  type FileColumn,
  type TableColumn,
  type Query,
  type TableFiles,
  type TableOptions,
  type TableReader,
  type TensorSet,
  type Want,
} from '@stillhouse/datasets';
export type { Notation, Numbers, TensorType } from '@stillhouse/core';

// Training: on this machine, or on several.
export { resume, run, type LocalOptions, type ResumeOptions, type RunOptions, type RunResult } from './run/run.js';
export { coordinate, type CoordinateOptions, type Coordination } from './run/coordinate.js';
export type { MeshOptions } from './run/addresses.js';
export { work, type WorkOptions } from './run/work.js';
export {
  hostLinks,
  joinLinks,
  type HostLinksOptions,
  type JoinLinksOptions,
  type LinkMatrix,
  type MeasuredLink,
} from './run/bench-links.js';
export { LocalLauncher } from './run/local-launcher.js';
export type { Launcher, LaunchTarget, WorkerExit, WorkerHandle, WorkerPlace } from './run/launcher.js';
export { phasePlan, type PhasePlan } from './run/phase-plan.js';
export { incidentOf } from '@stillhouse/coordinator';
export type {
  CategoryColumn,
  CodedFormat,
  DatasetManifest,
  FittedColumn,
  Job,
  ModelAssets,
  ModelShape,
  NumberColumn,
  PhaseMemory,
  PhaseName,
  SetManifest,
  SetName,
  TeacherFiles,
  TensorColumn,
} from '@stillhouse/core';
export type {
  CheckpointRecord,
  CoordinatorNotice,
  Route,
  Segment,
  StepTimes,
  WorkerInfo,
  WorkerShare,
  WorkerTimes,
} from '@stillhouse/core/cluster';
export { sweep, type SweepOptions } from './sweep/sweep.js';
export type { Cell as SweepCell, SweepAxis } from './sweep/cells.js';
export { sweepTable, type SweepOutcome, type SweepResult, type SweepRow } from './sweep/results.js';
export { generations, type Generation, type GenerationsOptions } from './generations.js';

// What runs leave.
export { baselineNote } from './runs/baseline-note.js';
export { readRun, type TrainedRun } from './runs/trained-run.js';
export { status, type RunState, type RunStatus } from './runs/status.js';
export { listRuns, type ListedRun, type RunList } from './runs/list-runs.js';
export { readLog, type LogLine } from './runs/read-log.js';
export { modelSummaries, type ModelSummary, type TrainedFacts } from './runs/model-summary.js';
export { targetMetrics, type TargetMetrics } from './runs/target-metrics.js';
export { evaluate, type EvaluateOptions, type ModelMetrics } from './evaluate.js';
export { predict, predictText, type NumberRow, type PredictOptions, type PredictRows } from './predict.js';
export { textOfRows } from '@stillhouse/datasets';
export type { Cell, TableRow, Time } from '@stillhouse/core';
export type { Prediction } from '@stillhouse/core/training';
export { report, type Report, type ReportOptions } from './report/report.js';
export { compare, type ComparedRun, type Comparison, type Difference } from './report/compare.js';
export { compress, type CompressOptions } from './compress/compress.js';
export type { CompressedModel } from './compress/compressed-model.js';
export { compressTable } from './compress/pareto.js';
export {
  formatCount,
  formatMetric,
  formatMetricOf,
  formatMetricEstimate,
  formatBitRate,
  formatMs,
  formatNumber,
  formatSeconds,
  formatValue,
  countOf,
  phaseTitles,
  shownMetrics,
} from './tables.js';
export {
  phaseNames,
  teacherTestOf,
  type BaselineRecord,
  type DurationSummary,
  type EpochRecord,
  type PhaseRecord,
  type RunRecord,
  type TunedRecord,
  type WeightFormat,
} from '@stillhouse/core';
export type {
  Calibration,
  Estimate,
  MetricName,
  Metrics,
  TargetScale,
  TargetTransform,
} from '@stillhouse/core/training';

// Data.
export {
  dataSetNames,
  fetchData,
  inspect,
  prepare,
  type FetchOptions,
  type PreparedData,
  type PrepareOptions,
} from './data.js';
export type { InspectedColumn, Inspection, KnownDataset } from '@stillhouse/datasets';

// This machine.
export {
  engineKinds,
  installBackend,
  linkCudaLibraries,
  listBackends,
  type BackendState,
  type EngineKind,
  type InstallBackendOptions,
  type InstalledBackend,
} from './backends.js';
export { bundle, type Bundle, type BundleOptions } from './bundle/bundle.js';
export { doctor, type Machine } from './machine.js';
export type { Gpu } from '@stillhouse/native';
export { backendNames, type BackendName, type ConcreteBackendName } from '@stillhouse/worker/light';

// Errors, defaults and the version.
export {
  exitCodes,
  messageOf,
  StillhouseError,
  withoutRefusal,
  type ErrorCode,
  type ErrorRecord,
} from '@stillhouse/core';
export { defaults } from './defaults.js';
export { version } from './version.js';
export { ranksLabel, type Span } from '@stillhouse/core/cluster';
export { formatTime, setTitles } from '@stillhouse/core';
