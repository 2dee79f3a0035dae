// The rows on which teacher and student differ most, with the outputs of both.
import { predictionOf, type Recipe } from '@stillhouse/core';
import { lossOf, readingOf, unscaledTarget, type LabelKind } from '@stillhouse/core/training';
import { imageOf } from '../chart/picture.js';
import { escaped } from '../chart/svg.js';
import { formatCount, formatEstimate, formatNumber, formatShare } from '../tables.js';
import { classNames, decisionsOf } from './decisions.js';
import { argmax, rowOf, type EvaluatedModel, type EvaluatedRun } from './evaluate-run.js';
import { readableInputs, type RowCells } from './inputs.js';
import { table } from './page.js';

const shownRows = 24;

/**
 * How much the models differ on a row. Of classes: 0 if they choose the same, otherwise the confidence of the less
 * confident one, in the decision in which that is highest. Of numbers: the largest distance of outputs for a target.
 */
function differenceOf(
  [teacher, student]: readonly [number[], number[]],
  { labels, labelCount }: { labels: LabelKind; labelCount: number },
): number {
  if (labels === 'numbers') {
    const distances = teacher.slice(0, labelCount).map((value, k) => Math.abs(value - student[k]));
    // An output that is not finite is as far off as can be.
    return Math.max(...distances.map((distance) => (Number.isNaN(distance) ? Infinity : distance)));
  }
  const other = decisionsOf(student, labels);
  return Math.max(
    ...decisionsOf(teacher, labels).map((t, k) =>
      argmax(t) === argmax(other[k]) ? 0 : Math.min(Math.max(...t), Math.max(...other[k])),
    ),
  );
}

const unbroken = (text: string): string => text.replaceAll(' ', '\u00a0');

/** A model's output for a row, as HTML. */
function said(outputs: readonly number[], { loss }: Recipe, { classes, targets }: EvaluatedRun['dataset']): string {
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
  if (typeof named === 'string') return `${escaped(named)} (${unbroken(formatShare(Math.max(...probabilities!)))})`;
  return probabilities!.map((p) => unbroken(formatShare(p))).join(', ');
}

function labelOf({ labels: all, dataset }: EvaluatedRun, row: number, labels: LabelKind): string {
  const { labelCount, targets } = dataset;
  const own = [...all.subarray(row * labelCount, (row + 1) * labelCount)];
  if (labels === 'numbers')
    return own.map((label, k) => formatNumber(targets[k] ? unscaledTarget(label, targets[k]) : label)).join(', ');
  const names = classNames(dataset, labels);
  return own.map((label) => escaped(names[label] ?? String(label))).join(', ');
}

/** @returns HTML; nothing without a teacher and a student */
export async function disagreements(evaluated: EvaluatedRun, recipe: Recipe): Promise<string> {
  const modelOf = (name: string): EvaluatedModel | undefined => evaluated.models.find((model) => model.name === name);
  const [teacher, student] = [modelOf('teacher'), modelOf('student')];
  if (!teacher || !student) return '';
  const { rows, dataset } = evaluated;
  const { inputShape, labelCount, columns } = dataset;
  const { labels } = lossOf(recipe.loss);
  const all = Array.from({ length: rows }, (_, row) => ({
    row,
    difference: differenceOf([rowOf(teacher, row), rowOf(student, row)], { labels, labelCount }),
  }))
    .filter(({ difference }) => difference > 0)
    .sort((a, b) => b.difference - a.difference);
  if (all.length === 0) return '<p>They agree on every test row.</p>';
  const isImage = inputShape.length === 3 && [1, 3].includes(inputShape[2]);
  const shown = await Promise.all(
    all.slice(0, shownRows).map(async ({ row }) => ({ row, cells: await evaluated.cellsOf(row) })),
  );
  const inputsOf = (cells: RowCells): [string, string][] => (isImage ? [] : readableInputs(columns, cells));
  const body = await Promise.all(
    shown.map(async ({ row, cells }) => [
      String(row + 1),
      ...(isImage ? [await imageOf(cells[0], inputShape)] : []),
      labelOf(evaluated, row, labels),
      said(rowOf(teacher, row), recipe, dataset),
      said(rowOf(student, row), recipe, dataset),
      ...inputsOf(cells).map(([, value]) => escaped(value)),
    ]),
  );
  const counted =
    labels === 'numbers'
      ? 'The rows on which they differ most, counted from 1:'
      : `They choose different classes on ${formatCount(all.length)} of ${formatCount(rows)} test rows; ` +
        'the most confident ones, counted from 1:';
  const names = inputsOf(shown[0].cells).map(([name]) => name);
  const header = ['test row', ...(isImage ? [''] : []), 'label', 'teacher', 'student', ...names];
  return `<p>${counted}</p>${table([header, ...body])}`;
}
