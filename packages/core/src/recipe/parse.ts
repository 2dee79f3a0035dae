// From an unknown value to a recipe, or to one clear sentence that begins with the path of the fault.
import { z } from 'zod';
import { invariant, StillhouseError } from '../error/errors.js';
import { checkRecipe } from './checks.js';
import { faultOf } from './explain.js';
import { areModulesOpen } from './open-modules.js';
import { formatPath, leadingPath, reservedKeyIn, type Path } from './path.js';
import { distillSchema } from './distill.js';
import { recipeSchema, type Recipe } from './schema.js';
import type { JsonSchema } from './takes.js';

/** What is wrong with an input that the schema refused. */
function refusalOf(input: unknown, { issues: [issue] }: z.ZodError): StillhouseError {
  const fault = faultOf(z.toJSONSchema(recipeSchema, { io: 'input' }) as JsonSchema, input);
  if (fault) return new StillhouseError(fault.code, fault.message);
  invariant(issue, 'a recipe that was refused has an issue');
  return new StillhouseError('RECIPE_INVALID', `${formatPath(issue.path) || 'the recipe'}: ${issue.message}`);
}

/**
 * Checks what parts of a recipe need of each other.
 * @param recipe whose modules are open
 * @throws StillhouseError RECIPE_INVALID
 */
export function refuseRecipe(recipe: Recipe): void {
  checkRecipe(recipe, (message) => {
    throw new StillhouseError('RECIPE_INVALID', message);
  });
}

/**
 * Validates a recipe and fills in its defaults. What its parts need of each other is checked unless it has modules that
 * are not open yet: `loadRecipe` of `stillhouse` opens them and checks the rest.
 * @throws StillhouseError RECIPE_UNKNOWN_KEY or RECIPE_INVALID; the message begins with the path of the first problem
 */
export function parseRecipe(input: unknown): Recipe {
  const reserved = reservedKeyIn(input);
  if (reserved) throw new StillhouseError('RECIPE_INVALID', `${formatPath(reserved)} is reserved: choose another name`);
  const result = recipeSchema.safeParse(input);
  if (!result.success) throw refusalOf(input, result.error);
  const { data } = result;
  const recipe = data.student && !data.distill ? { ...data, distill: distillSchema.parse({}) } : data;
  if (areModulesOpen(recipe)) refuseRecipe(recipe);
  return recipe;
}

/** The part of a recipe that an error is about: its sentence begins with the path. Undefined if it does not. */
export function faultyPart({ code, message }: StillhouseError): Path | undefined {
  const path = leadingPath(message);
  const isPart = code === 'RECIPE_UNKNOWN_KEY' || Object.hasOwn(recipeSchema.shape, String(path?.[0]));
  return path && isPart ? path : undefined;
}
