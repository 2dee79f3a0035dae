// The distill section of a recipe, as a recipe of a regression gives it.
import { parseRecipe, type DistillConfig, type RecipeInput } from '@stillhouse/core';

const source = { generator: 'noise', rows: 1 } as const;
const trained = { model: { layers: [{ dense: 1 }] } };

/** The section with its defaults. */
export const distillOf = (distill: NonNullable<RecipeInput['distill']>): DistillConfig =>
  parseRecipe({
    data: { large: source, small: source, test: source },
    loss: 'mse',
    teacher: trained,
    student: trained,
    distill,
  }).distill!;
