// Which labels a loss can be trained with: asked of every row of every set when data are prepared.
import type { Loss, TakenLabels } from './define-loss.js';

/**
 * The labels that a loss takes: those of its kind, and of these the ones that it declares itself.
 * @param classCount number of classes, for classes that exclude each other
 */
export function takenLabels({ labels, takes }: Pick<Loss, 'labels' | 'takes'>, classCount: number): TakenLabels {
  const limit = labels === 'binary' ? 2 : classCount;
  const ofKind =
    labels === 'numbers'
      ? { text: 'a finite number', fits: Number.isFinite }
      : {
          text: limit > 0 ? `a class from 0 to ${limit - 1}` : 'a class, which is a whole number from 0',
          fits: (label: number) => Number.isInteger(label) && label >= 0 && label < limit,
        };
  return takes ? { text: takes.text, fits: (label) => ofKind.fits(label) && takes.fits(label) } : ofKind;
}

/**
 * What to do about a label that a loss does not take; undefined if that follows from the label.
 * @param label before it is scaled
 */
export function labelAdvice({ labels, takes }: Pick<Loss, 'labels' | 'takes'>, label: number): string | undefined {
  if (labels === 'binary')
    return (
      'Labels must be 0 or 1: map them, for example with a sql source (case when y ' +
      `${label > 1 ? `= ${label}` : '> 0'} then 1 else 0 end as y), or use softmaxCrossEntropy, which takes any ` +
      'classes, with an output for each of them.'
    );
  if (labels === 'class')
    return 'Correct the label: classes are whole numbers from 0, or names, and training rows must have each of them.';
  return takes && 'Correct the label, or choose a loss or a data.targetTransform that fits it.';
}
