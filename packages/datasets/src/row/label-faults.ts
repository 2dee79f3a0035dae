// What is wrong with a label: said with what the loss, or the transform of a target, takes instead.
import { isSameWord, StillhouseError } from '@stillhouse/core';
import { labelAdvice, takenLabels, type Loss, type TargetScale } from '@stillhouse/core/training';

const forNumbers = 'Set loss to mse, or to another loss for numbers, with one output per target; or correct the label.';

/** More classes that are all numbers are taken to be measured values. */
const manyClasses = 100;

/**
 * @param what names the class and its place
 * @param classes those of the training rows
 */
export function unknownClass(what: string, text: string, classes: readonly string[]): StillhouseError {
  const areNumbers = classes.length > manyClasses && [text, ...classes].every((each) => Number.isFinite(Number(each)));
  const near = classes.find((each) => isSameWord(each, text));
  const known = `The training rows have ${classes.slice(0, 10).join(', ')}${classes.length > 10 ? ', …' : ''}`;
  const next = areNumbers
    ? forNumbers
    : near === undefined
      ? `${known}: correct the label, give training rows this class, or leave the row out with sql.`
      : `${known}: write ${near}, or, if it is another class, give training rows this class.`;
  return new StillhouseError('DATA_LABEL', `${what} does not occur in the training rows`, { next });
}

/** A label that cannot be used. */
export interface FaultyLabel {
  /** Names the label and its place, such as `a.csv, row 3, column y: label "7"`. */
  readonly what: string;
  /** The label as a number, before it is scaled. */
  readonly value: number;
  /** The number that the loss would get. */
  readonly scaled: number;
}

const domains = { log: 'positive numbers', log1p: 'numbers above −1', yeoJohnson: 'finite numbers' } as const;

/**
 * @param classCount number of classes, for classes that exclude each other
 * @param scale of a target of regression
 */
export function labelFault(
  { what, value, scaled }: FaultyLabel,
  loss: Pick<Loss, 'name' | 'labels' | 'takes'>,
  { classCount, scale }: { classCount: number; scale: TargetScale | undefined },
): StillhouseError {
  if (!Number.isFinite(value)) return new StillhouseError('DATA_LABEL', `${what} is not a finite number`);
  if (scale?.transform && !Number.isFinite(scaled))
    return new StillhouseError(
      'DATA_LABEL',
      `${what} cannot be transformed: ${scale.transform} takes ${domains[scale.transform]}`,
      {
        next:
          'Choose another data.targetTransform: log1p takes numbers above −1, yeoJohnson and standardize take any ' +
          'number.',
      },
    );
  const { text } = takenLabels(loss, classCount);
  if (loss.labels !== 'numbers' && !Number.isInteger(value))
    return new StillhouseError('DATA_LABEL', `${what} is not ${text}, as ${loss.name} needs`, { next: forNumbers });
  // An unscaled label is only rounded to fp32.
  const isScaled = scaled !== Math.fround(value);
  const isLost = !isScaled && !Number.isFinite(scaled);
  if (isLost) return new StillhouseError('DATA_LABEL', `${what} is too large a number`);
  const becomes = isScaled ? ` becomes ${Number(scaled.toPrecision(6))} after scaling, which` : '';
  const next = isScaled ? 'Set data.targetTransform to none, or choose another loss.' : labelAdvice(loss, value);
  return new StillhouseError('DATA_LABEL', `${what}${becomes} is not ${text}, as ${loss.name} needs`, {
    ...(next === undefined ? {} : { next }),
  });
}

/**
 * @param what names the rows
 * @param classes names or numbers of the classes that the training rows of the large set have
 * @throws StillhouseError DATA_LABEL if a loss cannot learn from these classes
 */
export function refuseClasses(what: string, classes: readonly string[], { name, labels }: Loss): void {
  if (labels === 'numbers' || classes.length === 0) return;
  if (classes.length === 1)
    throw new StillhouseError(
      'DATA_LABEL',
      `data.large (${what}): every training row has the class ${JSON.stringify(classes[0])}; ${name} needs at least ` +
        'two classes',
      { next: 'Add rows of other classes, or name another target.' },
    );
  if (labels !== 'binary' || classes.length === 2) return;
  const shown = classes.slice(0, 5).map((each) => JSON.stringify(each));
  throw new StillhouseError(
    'DATA_LABEL',
    `data.large (${what}): the training rows have ${classes.length} classes (${shown.join(', ')}` +
      `${classes.length > shown.length ? ', …' : ''}); ${name} takes two`,
    {
      next: 'Use softmaxCrossEntropy with an output per class, or keep rows of two classes by sql, in data.test too.',
    },
  );
}
