// @stillhouse/core: errors, recipes, jobs, and the formats of what is stored. Like all of core it uses no socket,
// timer, engine or process.
export {
  exitCodes,
  firstLineOf,
  fromErrorRecord,
  invariant,
  messageOf,
  StillhouseError,
  toErrorRecord,
  withoutRefusal,
  type ErrorRecord,
  type ErrorCode,
} from './error/errors.js';
export { limits } from './error/limits.js';
export { printableLine } from './error/printable.js';
export type { ModuleConfig } from './extension/module-kind.js';
export { cacheFolder, type Env } from './format/cache-folder.js';
export {
  booleanOfText,
  categoryFinder,
  categoryText,
  isMissingText,
  isTimeNotation,
  wantedText,
  numberOfText,
  type Notation,
} from './format/cell-text.js';
export { columnNamesOf } from './format/column-names.js';
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
export type { HeldOut, ModelMetadata } from './format/model-metadata.js';
export {
  formatCount,
  formatEstimate,
  formatBitRate,
  formatMs,
  formatNumber,
  formatSeconds,
  formatTime,
  formatShare,
  formatValue,
} from './format/number-text.js';
export { canPredict, predictionOf, unknownTransform } from './format/prediction.js';
export { quantizeModel, weightFormats, type WeightFormat } from './format/quantize.js';
export {
  encodeTableRows,
  encodeTensorRows,
  nextForCell,
  refuseIndices,
  unknownCategories,
  wrongIndex,
  type Cell,
  type RowErrorCode,
  type RowErrorFactory,
  type TableRow,
  type Time,
  type UnknownCategories,
} from './format/rows.js';
export { textOfTime } from './format/time-text.js';
export {
  bytesOf,
  decodeSafetensors,
  encodeSafetensors,
  floatsOf,
  joinBytes,
  numbersOf,
  tensorTypes,
  zerosOf,
  type NamedTensor,
  type Numbers,
  type TensorType,
} from './format/safetensors.js';
export { checkJob } from './job/check-job.js';
export { embeddedModels, type EmbeddedModel } from './job/embedded-models.js';
export {
  datasetOf,
  exchangeLearningRate,
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
  setTitles,
  type TeacherFiles,
} from './job/job.js';
export { phaseMemory, type ModelSizes, type PhaseMemory } from './job/memory.js';
export { roundsNotes } from './job/rounds-note.js';
export { phaseNames, storedNamesOf, type PhaseName } from './job/phase-name.js';
export {
  runJsonSchema,
  parseRunRecord,
  teacherTestOf,
  type PhaseRecord,
  type RunRecord,
  type BaselineRecord,
  type TunedRecord,
  type DurationSummary,
  type EpochRecord,
} from './job/run-record.js';
export { keyedPermutation, type Permutation } from './random/permutation.js';
export { gaussian, hashName, hashWords, randomStream, type RandomStream } from './random/random.js';
export { isSameWord, spellingOf } from './recipe/nearest.js';
export { inertNotes, inertReason, precisionRefusal, tf32Note, threadsNote, usesTf32 } from './recipe/inert.js';
export { areModulesOpen, openModules, withSources } from './recipe/open-modules.js';
export { faultyPart, parseRecipe, refuseRecipe } from './recipe/parse.js';
export { formatPath, leavesOf, parsePath, valueAt, withValueAt, type Path } from './recipe/path.js';
export type { ColumnConfig, TableConfig, TargetTransformConfig } from './recipe/data.js';
export { learnsFromOutputs, type CopyConfig, type DistillConfig, type TransferConfig } from './recipe/distill.js';
export type { LayerConfig, ModelConfig } from './recipe/model.js';
export { choosesBaseline } from './recipe/baseline-config.js';
export {
  defineRecipe,
  isTrained,
  recipeJsonSchema,
  usesPool,
  type PretrainedTeacherConfig,
  type Recipe,
  type RecipeInput,
  type TrainingConfig,
  type TrainedTeacherConfig,
} from './recipe/schema.js';
export type { SyncConfig } from './recipe/sync.js';
export type { CodedFormat, WireFormat } from './recipe/wire-format.js';
export type { EarlyStoppingConfig, LearningRateSchedule, Precision } from './recipe/training.js';
export type { TunableConfig, TuneConfig } from './recipe/tune.js';
export {
  hasTable,
  isMix,
  sourceKeyOf,
  type PlainSourceConfig,
  type SourceConfig,
  type SourceConfigOf,
  type SourceInput,
  type SourceKey,
} from './recipe/source/sources.js';
