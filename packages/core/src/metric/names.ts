// The names by which recipes, messages and files call losses and metrics.

export const lossNames = ['mse', 'mae', 'huber', 'gaussian', 'softmaxCrossEntropy', 'binaryCrossEntropy'] as const;
export type LossName = (typeof lossNames)[number];

export const metricNames = ['loss', 'accuracy', 'errors', 'ece', 'rmse', 'mae', 'r2'] as const;
export type MetricName = (typeof metricNames)[number];
