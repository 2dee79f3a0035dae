// The rows on which teacher and student differ most, with the outputs of both.
import { predictionOf, type Recipe } from '@stillhouse/core';
import { lossOf, readingOf, softmax, unscaledTarget } from '@stillhouse/core/training';
import { imageOf } from '../chart/picture.js';
import { escaped } from '../chart/svg.js';
import { formatCount, formatEstimate, formatNumber, formatShare } from '../tables.js';
import { argmax, rowOf, type EvaluatedModel, type EvaluatedRun } from './evaluate-run.js';
import { readableInputs } from './inputs.js';
import { table } from './page.js';

const shownRows = 24;

/**
 * How much the models differ on a row: for classes 0 if they choose the same, otherwise the confidence of the less
 * confident one.
 */
function differenceOf(
  [teacher, student]: readonly [number[], number[]],
  { isClasses, labelCount }: { isClasses: boolean; labelCount: number },
): number {
  if (!isClasses) return Math.max(...teacher.slice(0, labelCount).map((value, k) => Math.abs(value - student[k])));
  const [t, s] = [softmax(teacher), softmax(student)];
  return argmax(t) === argmax(s) ? 0 : Math.min(Math.max(...t), Math.max(...s));
}

/** A model's output for a row, as HTML. */
function said(outputs: readonly number[], { loss }: Recipe, { classes, targets }: EvaluatedRun['dataset']): string {
  if (lossOf(loss).labels === 'binary') return outputs.map((z) => formatShare(1 / (1 + Math.exp(-z)))).join(', ');
  const {
    values,
    deviations,
    class: named,
    probabilities,
  } = predictionOf(outputs, { ...readingOf(loss), classes, targets });
  if (values)
    return values
      .map((value, k) => (deviations ? formatEstimate(value, deviations[k]) : formatNumber(value)))
      .join(', ');
  return `${escaped(String(named))} (${formatShare(Math.max(...probabilities!))})`;
}

function labelOf({ labels, dataset }: EvaluatedRun, row: number, isClasses: boolean): string {
  if (isClasses) return escaped(dataset.classes?.[labels[row]] ?? String(labels[row]));
  const own = labels.subarray(row * dataset.labelCount, (row + 1) * dataset.labelCount);
  const { targets } = dataset;
  return [...own].map((label, k) => formatNumber(targets[k] ? unscaledTarget(label, targets[k]) : label)).join(', ');
}

/** @returns HTML; nothing without a teacher and a student */
export async function disagreements(evaluated: EvaluatedRun, recipe: Recipe): Promise<string> {
  const modelOf = (name: string): EvaluatedModel | undefined => evaluated.models.find((model) => model.name === name);
  const [teacher, student] = [modelOf('teacher'), modelOf('student')];
  if (!teacher || !student) return '';
  const { inputs, rows, dataset } = evaluated;
  const { inputShape, labelCount } = dataset;
  const isClasses = lossOf(recipe.loss).labels === 'class';
  const all = Array.from({ length: rows }, (_, row) => ({
    row,
    difference: differenceOf([rowOf(teacher, row), rowOf(student, row)], { isClasses, labelCount }),
  }))
    .filter(({ difference }) => difference > 0)
    .sort((a, b) => b.difference - a.difference);
  if (all.length === 0) return '<p>They agree on every test row.</p>';
  const width = inputs.length / rows;
  const isImage = inputShape.length === 3 && [1, 3].includes(inputShape[2]);
  const inputsAt = (row: number): [string, string][] =>
    isImage ? [] : readableInputs(dataset.columns, inputs.subarray(row * width, (row + 1) * width));
  const body = await Promise.all(
    all
      .slice(0, shownRows)
      .map(async ({ row }) => [
        String(row),
        ...(isImage ? [await imageOf(inputs.subarray(row * width, (row + 1) * width), inputShape)] : []),
        labelOf(evaluated, row, isClasses),
        said(rowOf(teacher, row), recipe, dataset),
        said(rowOf(student, row), recipe, dataset),
        ...inputsAt(row).map(([, value]) => escaped(value)),
      ]),
  );
  const counted = isClasses
    ? `They choose different classes on ${formatCount(all.length)} of ${formatCount(rows)} test rows; ` +
      'the most confident ones:'
    : 'The rows on which they differ most:';
  const names = inputsAt(all[0].row).map(([name]) => name);
  const header = ['row', ...(isImage ? [''] : []), 'label', 'teacher', 'student', ...names];
  return `<p>${counted}</p>${table([header, ...body])}`;
}
