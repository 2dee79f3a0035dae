// A table of a run's models: their size, their test metrics, and how long they were trained.
import { formatCount, formatSeconds, phaseTitles, type ModelSummary } from 'stillhouse';
import { alignColumns, formatTest } from './table.js';

/** @param metrics names of the metrics to show */
export function modelsTable(models: readonly ModelSummary[], metrics: readonly string[]): string {
  const header = ['', 'parameters', 'bytes', ...metrics.map((name) => `test ${name}`), 'time'];
  const rows = models.map(({ name, test, trained }) => [
    phaseTitles[name],
    trained ? formatCount(trained.parameters) : '–',
    trained ? formatCount(trained.bytes) : '–',
    ...metrics.map((metric) => formatTest(test, metric)),
    trained ? formatSeconds(trained.seconds) : '–',
  ]);
  return alignColumns([header, ...rows]);
}
