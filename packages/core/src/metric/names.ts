// The names by which recipes, messages and files call metrics.

export const metricNames = ['loss', 'accuracy', 'errors', 'ece', 'rmse', 'mae', 'r2'] as const;
export type MetricName = (typeof metricNames)[number];
