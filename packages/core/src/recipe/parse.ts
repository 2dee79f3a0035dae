// From an unknown value to a recipe, or to one clear sentence that names the path of the fault.
import { closest } from 'fastest-levenshtein';
import { z } from 'zod';
import { invariant, StillhouseError } from '../error/errors.js';
import { checkRecipe } from './checks.js';
import { areModulesOpen } from './open-modules.js';
import { formatPath, valueAt } from './path.js';
import { distillSchema } from './distill.js';
import { recipeSchema, type Recipe } from './schema.js';

type Issue = z.core.$ZodIssue;
type JsonSchema = {
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema;
  const?: unknown;
  enum?: unknown[];
};

/** All alternatives of the schema at a path. */
function alternativesAt(path: readonly PropertyKey[]): JsonSchema[] {
  const widen = (list: JsonSchema[]): JsonSchema[] =>
    list.flatMap((node) => [node, ...widen([...(node.anyOf ?? []), ...(node.oneOf ?? [])])]);
  let nodes = widen([z.toJSONSchema(recipeSchema, { io: 'input' }) as JsonSchema]);
  for (const part of path) {
    nodes = widen(
      nodes.flatMap((node) =>
        (typeof part === 'number' ? [node.items] : [node.properties?.[String(part)]]).filter(
          (next) => next !== undefined,
        ),
      ),
    );
  }
  return nodes;
}

const knownKeys = (path: readonly PropertyKey[]): string[] => [
  ...new Set(alternativesAt(path).flatMap((node) => Object.keys(node.properties ?? {}))),
];

const knownWords = (path: readonly PropertyKey[]): string[] =>
  alternativesAt(path)
    .flatMap((node) => [node.const, ...(node.enum ?? [])])
    .filter((word) => typeof word === 'string');

/** The closest of a union's failed alternatives: fewest problems, then the deepest first problem. */
function nearestAlternative(alternatives: readonly (readonly Issue[])[], value: unknown): readonly Issue[] {
  const keys = value && typeof value === 'object' ? Object.keys(value) : [];
  const cost = (issues: readonly Issue[]): number => {
    const first = issues[0];
    const unknown = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : [])).length;
    const missing = issues.filter(
      (issue) => issue.code === 'invalid_type' && issue.path.length === 1 && !keys.includes(String(issue.path[0])),
    ).length;
    const wrongKind = issues.some((issue) => issue.path.length === 0 && issue.code !== 'unrecognized_keys') ? 100 : 0;
    return wrongKind + 10 * missing + 5 * unknown + issues.length - (first ? first.path.length / 10 : 0);
  };
  return [...alternatives].sort((a, b) => cost(a) - cost(b))[0] ?? [];
}

function describe(issue: Issue, input: unknown, prefix: readonly PropertyKey[] = []): StillhouseError {
  const path = [...prefix, ...issue.path];
  const where = formatPath(path) || 'the recipe';
  const value = valueAt(input, path);
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const known = knownKeys(path);
    const full = formatPath([...path, key]);
    return new StillhouseError(
      'RECIPE_UNKNOWN_KEY',
      `${full} is not a known key${known.length ? `; the nearest is ${closest(key, known)}` : ''}`,
    );
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const inner = nearestAlternative(issue.errors, value);
    if (inner[0] && (inner[0].path.length > 0 || inner[0].code === 'unrecognized_keys'))
      return describe(inner[0], input, path);
    const words = knownWords(path);
    if (typeof value === 'string' && words.length > 0)
      return new StillhouseError(
        'RECIPE_INVALID',
        `${where} is ${JSON.stringify(value)}, which is not a known value; the nearest is ${closest(value, words)}`,
      );
  }
  if (value === undefined) return new StillhouseError('RECIPE_INVALID', `${where} is missing`);
  const shown = JSON.stringify(value) ?? typeof value;
  return new StillhouseError(
    'RECIPE_INVALID',
    `${where} is ${shown.length > 60 ? `${shown.slice(0, 57)}…` : shown}: ` +
      `${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`,
  );
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
 * @throws StillhouseError RECIPE_UNKNOWN_KEY or RECIPE_INVALID with the path of the first problem
 */
export function parseRecipe(input: unknown): Recipe {
  const result = recipeSchema.safeParse(input);
  if (!result.success) {
    const { issues } = result.error;
    const first = issues.find((issue) => issue.code === 'unrecognized_keys') ?? issues[0];
    invariant(first, 'a recipe that was refused has an issue');
    throw describe(first, input);
  }
  const { data } = result;
  const recipe = data.student && !data.distill ? { ...data, distill: distillSchema.parse({}) } : data;
  if (areModulesOpen(recipe)) refuseRecipe(recipe);
  return recipe;
}
