// Fits how targets of regression become labels: the transform that the recipe names, and mean and deviation after it.
import { StillhouseError, type Recipe, type TargetTransformConfig } from '@stillhouse/core';
import { transformed, type TargetScale } from '@stillhouse/core/training';
import { NumberSummary } from './number-summary.js';
import { fitLambda, type NumberReading } from './yeo-johnson-lambda.js';

/** What is known of a target before its numbers are summarised. */
export interface TargetPlan {
  readonly kind: TargetTransformConfig;
  /** λ of yeoJohnson. */
  readonly lambda?: number;
}

/** @param numbers the target on the training rows; read only if the transform has a parameter */
export const planTarget = async (kind: TargetTransformConfig, numbers: NumberReading): Promise<TargetPlan> =>
  kind === 'yeoJohnson' ? { kind, lambda: await fitLambda(numbers) } : { kind };

const transformOf = ({ kind, lambda }: TargetPlan): Pick<TargetScale, 'transform' | 'lambda'> =>
  kind === 'standardize' || kind === 'none' ? {} : { transform: kind, ...(lambda === undefined ? {} : { lambda }) };

/** Summarises a target's numbers; those that it cannot have are left out, and refused when rows are written. */
export function summaryOf(plan: TargetPlan): NumberSummary {
  const how = transformOf(plan);
  return new NumberSummary((y) => (Number.isFinite(y) ? transformed(y, how) : NaN));
}

export function scaleOf(plan: TargetPlan, { mean, deviation, min, max }: NumberSummary): TargetScale {
  if (plan.kind === 'none') return { mean: 0, deviation: 1 };
  const { lambda = 1 } = plan;
  const limit = lambda < 0 ? max : lambda > 2 ? min : undefined;
  return { mean, deviation, ...transformOf(plan), ...(limit === undefined ? {} : { limit }) };
}

/**
 * The transform of each target.
 * @param usual the one of targets for which the recipe names none
 * @throws StillhouseError RECIPE_INVALID
 */
export function transformsOf(
  { targetTransform: wanted = [] }: Pick<Recipe['data'], 'targetTransform'>,
  count: number,
  usual: TargetTransformConfig,
): TargetTransformConfig[] {
  const given = typeof wanted === 'string' ? Array.from({ length: count }, () => wanted) : wanted;
  if (given.length > 0 && given.length !== count)
    throw new StillhouseError(
      'RECIPE_INVALID',
      `data.targetTransform names ${given.length} transforms, but rows have ${count} ` +
        (count === 1 ? 'target' : 'targets'),
      { next: 'Give one transform for all targets, or one per target in their order.' },
    );
  return given.length > 0 ? given : Array.from({ length: count }, () => usual);
}
