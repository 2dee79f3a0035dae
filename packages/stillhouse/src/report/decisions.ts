// What models of classes decide: one class of several that exclude each other, or a yes or no per output.
import { softmax, type LabelKind } from '@stillhouse/core/training';
import { argmax, rowOf, type EvaluatedModel, type EvaluatedRun } from './evaluate-run.js';

/** Probabilities of the classes, for each decision of a row. */
export const decisionsOf = (outputs: readonly number[], labels: LabelKind): number[][] =>
  labels === 'class' ? [softmax(outputs)] : outputs.map((z) => softmax([0, z]));

/** Names of the classes of a decision. */
export function classNames({ classes, outputs }: EvaluatedRun['dataset'], labels: LabelKind): readonly string[] {
  const count = labels === 'class' ? outputs : 2;
  return classes ?? Array.from({ length: count }, (_, k) => String(k));
}

/** How many test rows of each class a model took for which: [label][prediction], for each decision. */
export function confusionsOf(
  { labels: all, rows, dataset }: EvaluatedRun,
  model: EvaluatedModel,
  labels: LabelKind,
): number[][][] {
  const { length } = classNames(dataset, labels);
  const { labelCount } = dataset;
  const counts = Array.from({ length: labelCount }, () =>
    Array.from({ length }, () => Array.from({ length }, () => 0)),
  );
  for (let row = 0; row < rows; row++)
    decisionsOf(rowOf(model, row), labels).forEach((probabilities, k) => {
      const label = all[row * labelCount + k];
      if (label < length) counts[k][label][argmax(probabilities)] += 1;
    });
  return counts;
}

const bins = 10;

/** Mean confidence and share of right decisions, in ten bins of confidence, without those that are empty. */
export function reliabilityOf(
  { labels: all, rows, dataset: { labelCount } }: EvaluatedRun,
  model: EvaluatedModel,
  labels: LabelKind,
): [confidence: number, accuracy: number][] {
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, hits: 0 }));
  for (let row = 0; row < rows; row++)
    decisionsOf(rowOf(model, row), labels).forEach((probabilities, k) => {
      const best = argmax(probabilities);
      const confidence = probabilities[best];
      const bin = sums[Math.min(bins - 1, Math.floor(bins * confidence))];
      // Outputs that are not finite have no confidence.
      if (!bin) return;
      bin.count += 1;
      bin.confidence += confidence;
      bin.hits += best === all[row * labelCount + k] ? 1 : 0;
    });
  return sums.filter(({ count }) => count > 0).map(({ count, confidence, hits }) => [confidence / count, hits / count]);
}
