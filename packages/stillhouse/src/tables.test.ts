// Metrics as people read them.
import { expect, test } from 'vitest';
import { formatMetricOf } from './tables.js';

test('a count of rows is one of all rows, other metrics are as they are', () => {
  const metrics = { loss: 0.5, rows: 2000, errors: 301, accuracy: 0.8495 };
  expect(formatMetricOf('errors', metrics)).toBe('301 of 2,000');
  expect(formatMetricOf('accuracy', metrics)).toBe('84.95 %');
});
