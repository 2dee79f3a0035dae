// stillhouse as a library: typed recipes, and the main job in one call.
export {
  defineRecipe,
  parseRecipe,
  recipeJsonSchema,
  runJsonSchema,
  StillhouseError,
  type Recipe,
  type RecipeInput,
  type RunRecord,
} from '@stillhouse/core';
export {
  defineSource,
  type Chunk,
  type OpenContext,
  type Rows,
  type RowsContext,
  type Source,
  type SourceContext,
  type SourceKind,
  type SourceOptions,
} from '@stillhouse/datasets';
export { resume, run, type RunOptions, type RunResult } from './run/run.js';
export { loadRecipe } from './run/recipe-file.js';
export { summaryTable, verdicts, alignColumns, formatTest, shownMetrics, formatMetric } from './summary.js';
export { axisOf } from './sweep/cells.js';
export { sweep } from './sweep/sweep.js';
export { tableText } from './sweep/results.js';
export { compareTable } from './report/compare.js';
export { judgeRun, readTest } from './report/judge.js';
export { reportHtml } from './report/report.js';
export { compress, type CompressTask } from './compress/compress.js';
export { compressMarkdown, compressTable, drawPareto } from './compress/pareto.js';
export { createLog, type Log } from './run/logger.js';
export { defaultWorkers } from './run/worker-places.js';
export { generations } from './generations.js';
export { headline, type RunStatus } from './run/status.js';
export { inspectBackends, inspectMachine, type BackendState } from './run/machine.js';
export { mainModel, modelNames, openData, openModel, readRun, type TrainedRun } from './runs/trained-run.js';
export { parseRows, predictionLine } from './predict.js';
export { runFile } from './run/run.js';
export { startSession } from './run/host.js';
export { supervise } from './run/supervise.js';
export { version } from './run/version.js';
export { ThreadedUploader } from './run/threaded-uploader.js';
