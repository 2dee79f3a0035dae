// For how many epochs a run's baseline trained and why, in a sentence.
import { parsePath, type RunRecord } from '@stillhouse/core';
import { countOf, formatCount, formatMetric, formatValue } from '../tables.js';

const searched = (trials: number, trainings: number): string =>
  `${countOf(trials, 'trial')} and ${countOf(trainings, 'training')}`;

/** One sentence, or none if the baseline was trained like the student. */
export function baselineNote({ baselineChoice: choice, tuned }: Pick<RunRecord, 'baselineChoice' | 'tuned'>): string[] {
  if (!choice) return [];
  const { epochs, studentEpochs, folds, metric, mean, meanOfAll, values, reason } = choice;
  if (folds === 0) return [`The baseline trained for ${countOf(epochs, 'epoch')}, as many as the student: ${reason}.`];
  const own = Object.entries(values).map(([path, value]) => `${parsePath(path).at(-1)} = ${formatValue(value)}`);
  const after = `${metric} ${formatMetric(metric, mean)}, and ${formatMetric(metric, meanOfAll)} after all epochs`;
  const budgets = tuned
    ? [
        `in ${searched(choice.trials, choice.trainings)}, the student's search in ` +
          searched(tuned.trials.length, tuned.trainings),
      ]
    : [];
  return [
    `The baseline trained for ${countOf(epochs, 'epoch')}, the student for ${formatCount(studentEpochs)}: ${reason} ` +
      `(cross-validation on ${folds} folds of the small set: ${[after, ...own, ...budgets].join('; ')}).`,
  ];
}
