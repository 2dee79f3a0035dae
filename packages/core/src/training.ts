// @stillhouse/core/training: what a model is trained for and how: losses, distillation terms, augmentations, metrics
// and optimisers, each with what defines another one.
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
export {
  defineLoss,
  outputsFor,
  targetCount,
  type HardLoss,
  type LabelKind,
  type Loss,
  type LossDefinition,
  type LossFacts,
  type LossRow,
  type SoftLoss,
  type TakenLabels,
} from './loss/define-loss.js';
export { labelAdvice, takenLabels } from './loss/taken-labels.js';
export { lossOf, readingOf, type LossConfig, type LossName, type Reading } from './loss/losses.js';
export type { Layer, NestedArray, Operand, Tensor, Tensor2D, TensorOps } from './loss/tensor-ops.js';
export { softmax, type Prediction } from './loss/prediction.js';
export {
  scaledTarget,
  targetError,
  targetTransforms,
  transformed,
  unscaledTarget,
  yeoJohnson,
  type TargetScale,
  type TargetTransform,
} from './loss/target-scale.js';
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
export type { Positives } from './metric/positives.js';
export { targetMetricName, targetNamesOf } from './metric/per-target.js';
export { builtInMetric, type MetricName } from './metric/built-in.js';
export {
  defineMetric,
  type BuiltInMetric,
  type Metric,
  type MetricDefinition,
  type SharedSums,
} from './metric/define-metric.js';
export { addRows, emptySums, type MeasureFacts, type Measures, type MetricSums } from './metric/sums.js';
export { estimate, type Estimate } from './metric/statistics.js';
export type { Optimizer, OptimizerKernels, OptimizerStep } from './optimizer/define-optimizer.js';
export { optimizerOf, type OptimizerConfig } from './optimizer/optimizers.js';
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
