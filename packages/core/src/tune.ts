// @stillhouse/core/tune: the search for a temperature and weights, trial by trial.
export {
  baselineFolds,
  baselineSearch,
  bestCost,
  chooseEpochs,
  withBaselineValues,
  type ChosenEpochs,
  type Curve,
} from './tune/baseline.js';
export { foldsOf, type Fold, type FoldsConfig } from './tune/folds.js';
export { gaussianProcess, type Vector, type Process, type Belief } from './tune/gaussian-process.js';
export {
  searchState,
  type Evaluation,
  type SearchState,
  type SearchOptions,
  type CostOf,
  type Trial,
  type MeasuredTrial,
} from './tune/search.js';
export { coordinateOf, pointOf, spaceOf, tunedJob, type Dimension, type TunedValues } from './tune/space.js';
export { trialJob, type TrialFold } from './tune/trial-job.js';
