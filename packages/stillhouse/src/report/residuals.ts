// Regression: what each model predicts over what is right, and how far off it is.
import { predictionOf, type Recipe } from '@stillhouse/core';
import { readingOf, unscaledTarget } from '@stillhouse/core/training';
import { colours } from '../chart/line-chart.js';
import { scatterChart, type Point } from '../chart/scatter.js';
import { phaseTitles } from '../tables.js';
import { rowOf, type EvaluatedModel, type EvaluatedRun } from './evaluate-run.js';

/** More dots would hide each other, and make the page large. */
const shownRows = 1000;
const shownTargets = 3;

/** Predicted and actual value of a target in its own units, for evenly spaced test rows. */
function pairsOf(
  { labels, rows, dataset: { labelCount, targets } }: EvaluatedRun,
  model: EvaluatedModel,
  { target, loss }: { target: number; loss: Recipe['loss'] },
): Point[] {
  const reading = { ...readingOf(loss), classes: null, targets };
  const count = Math.min(rows, shownRows);
  return Array.from({ length: count }, (_, i) => {
    const row = Math.floor((i * rows) / count);
    const label = labels[row * labelCount + target];
    const right = targets[target] ? unscaledTarget(label, targets[target]) : label;
    return [predictionOf(rowOf(model, row), reading).values![target], right];
  });
}

/**
 * @param nameOf name of a target
 * @returns HTML: for each model and target, predicted against actual values and residuals
 */
export function residuals(
  evaluated: EvaluatedRun,
  { loss, nameOf }: { loss: Recipe['loss']; nameOf: (target: number) => string },
): string {
  const targets = Array.from({ length: Math.min(shownTargets, evaluated.dataset.labelCount) }, (_, k) => k);
  return evaluated.models
    .map((model) => {
      const colour = colours[model.name];
      const charts = targets.map((target) => {
        const pairs = pairsOf(evaluated, model, { target, loss });
        const name = nameOf(target);
        return (
          scatterChart(pairs, { colour, titles: { x: `predicted ${name}`, y: `actual ${name}` }, perfect: (x) => x }) +
          scatterChart(
            pairs.map(([predicted, actual]): Point => [predicted, actual - predicted]),
            { colour, titles: { x: `predicted ${name}`, y: 'actual − predicted' }, perfect: () => 0 },
          )
        );
      });
      return `<h3>${phaseTitles[model.name]}</h3>${charts.join('')}`;
    })
    .join('');
}
