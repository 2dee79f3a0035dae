// From an unknown value to a recipe, or to one clear sentence that names the path of what is wrong.
import { closest } from 'fastest-levenshtein';
import { z } from 'zod';
import { StillhouseError } from '../errors.js';
import { limits } from '../limits.js';
import { isClassification, metricsOf } from '../metrics.js';
import { distillSchema, isTrained, recipeSchema, type Recipe } from './schema.js';

type Issue = z.core.$ZodIssue;
type JsonSchema = { properties?: Record<string, JsonSchema>; anyOf?: JsonSchema[]; oneOf?: JsonSchema[]; items?: JsonSchema; $ref?: string; const?: unknown };

const pathText = (path: readonly PropertyKey[]): string => path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`)).join('');

/** Keys that the schema knows at a path, over all the alternatives there. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let nodes: JsonSchema[] = [z.toJSONSchema(recipeSchema, { io: 'input' }) as JsonSchema];
  const widen = (list: JsonSchema[]): JsonSchema[] => list.flatMap((node) => [node, ...widen([...(node.anyOf ?? []), ...(node.oneOf ?? [])])]);
  for (const part of path) {
    nodes = widen(nodes).flatMap((node) => (typeof part === 'number' ? [node.items] : [node.properties?.[String(part)]]).filter((next) => next !== undefined));
  }
  return [...new Set(widen(nodes).flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** Of a union's failed alternatives, the one that came nearest: fewest problems, deepest first problem. */
function nearestAlternative(alternatives: readonly (readonly Issue[])[], value: unknown): readonly Issue[] {
  const keys = value && typeof value === 'object' ? Object.keys(value) : [];
  const cost = (issues: readonly Issue[]): number => {
    const first = issues[0];
    const unknown = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : [])).length;
    const missing = issues.filter((issue) => issue.code === 'invalid_type' && issue.path.length === 1 && !keys.includes(String(issue.path[0]))).length;
    const wrongKind = issues.some((issue) => issue.path.length === 0 && issue.code !== 'unrecognized_keys') ? 100 : 0;
    return wrongKind + 10 * missing + 5 * unknown + issues.length - (first ? first.path.length / 10 : 0);
  };
  return [...alternatives].sort((a, b) => cost(a) - cost(b))[0] ?? [];
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown => path.reduce<unknown>((node, key) => (node as Record<PropertyKey, unknown> | undefined)?.[key], value);

function describe(issue: Issue, input: unknown, prefix: readonly PropertyKey[] = []): StillhouseError {
  const path = [...prefix, ...issue.path];
  const where = pathText(path) || 'the recipe';
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0];
    const known = knownKeys(path);
    const full = pathText([...path, key]);
    return new StillhouseError('RECIPE_UNKNOWN_KEY', `${full} is not a key that exists here${known.length ? `; the nearest is ${closest(key, known)}` : ''}`);
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const inner = nearestAlternative(issue.errors, valueAt(input, path));
    if (inner[0] && (inner[0].path.length > 0 || inner[0].code === 'unrecognized_keys')) return describe(inner[0], input, path);
  }
  const value = valueAt(input, path);
  if (value === undefined) return new StillhouseError('RECIPE_INVALID', `${where} is missing`);
  const shown = JSON.stringify(value) ?? typeof value;
  return new StillhouseError('RECIPE_INVALID', `${where} is ${shown.length > 60 ? `${shown.slice(0, 57)}…` : shown}: ${issue.message.toLowerCase()}`);
}

/** Sources that are tables, with columns. */
const tableKinds = ['csv', 'parquet', 'jsonl', 'sql'];

type Fail = (message: string) => never;

/** What the data section needs beyond its schema. */
function checkData(recipe: Recipe, fail: Fail): void {
  const { large, small, pool, test, split, table } = recipe.data;
  const tables = Object.entries({ large, small, pool, test }).filter(([, source]) => source && ('mix' in source ? source.mix.map((each) => each.source) : [source]).some((each) => tableKinds.some((kind) => kind in each)));
  if (tables.length > 0 && !table) fail(`data.table is missing: data.${tables[0][0]} is a table, so the target column must be named`);
  if (!test && !split?.test) fail('data.test is missing: give it, or hold a share of the large set out with data.split.test');
  if (test && split?.test) fail('data.split.test and data.test are both given: the test set comes from one of them');
  const { sampling } = recipe.data;
  if (sampling?.weights !== undefined && tables.length === 0) fail('data.sampling.weights names a column, and no set is a table');
  if ([sampling?.classes, sampling?.weights, 'mix' in large ? large : undefined].filter((each) => each !== undefined).length > 1) fail('data.sampling.classes, data.sampling.weights and data.large.mix each say how rows are drawn: give one of them');
  if (sampling && !('mix' in large) && sampling.classes === undefined && sampling.weights === undefined) fail('data.sampling draws by classes, by weights, or from a mix: give one of them');
  if (sampling?.classes !== undefined && !isClassification(recipe.loss)) fail(`data.sampling.classes is given, and ${recipe.loss} has no classes`);
  const mixed = Object.entries({ small, pool, test }).find(([, source]) => source && 'mix' in source);
  if (mixed) fail(`data.${mixed[0]} is a mix: only the large set can be one`);
  if (split?.by !== undefined && tables.length === 0) fail('data.split.by names a column, and no set is a table');
  const plain = Object.entries({ large, small, test }).flatMap(([name, source]) => (source && 'mix' in source ? source.mix.map((each, i) => [`${name}.mix[${i}].source`, each.source] as const) : source ? [[name, source] as const] : []));
  for (const [name, source] of plain) for (const kind of ['idx', 'npy'] as const) if (kind in source && !(source as Record<string, { labels?: string }>)[kind].labels) fail(`data.${name}.${kind}.labels is missing: only data.pool has rows without labels`);
  const drawn = (['perClass', 'classes'] as const).find((key) => pool?.[key] !== undefined);
  if (drawn) fail(`data.pool.${drawn} is given: the rows of a pool have no labels to draw by`);
  recipe.distill?.transfer.forEach(({ from }, i) => {
    if (from === 'pool' && !pool) fail(`data.pool is missing: distill.transfer[${i}] takes rows from it`);
  });
}

/**
 * Validates a recipe and fills in its defaults.
 * @throws StillhouseError RECIPE_UNKNOWN_KEY or RECIPE_INVALID with the path of the first problem
 */
export function parseRecipe(input: unknown): Recipe {
  const result = recipeSchema.safeParse(input);
  if (!result.success) {
    const unknown = result.error.issues.find((issue) => issue.code === 'unrecognized_keys');
    throw describe(unknown ?? result.error.issues[0], input);
  }
  const recipe = result.data;
  const fail: Fail = (message) => {
    throw new StillhouseError('RECIPE_INVALID', message);
  };
  checkData(recipe, fail);
  if (recipe.student && !recipe.data.small) fail('data.small is missing: the student is trained on it');
  if (recipe.distill && !recipe.student) fail('student is missing: distill needs one');
  recipe.distill?.terms.forEach((term, i) => {
    if (term.name === 'kd' && term.standardize && recipe.loss !== 'softmaxCrossEntropy') fail(`distill.terms[${i}].standardize is for classes that exclude each other, and the loss is ${recipe.loss}`);
    if (term.name === 'hint' && term.firstEpochs >= recipe.student!.epochs) fail(`distill.terms[${i}].firstEpochs is ${term.firstEpochs}, and student.epochs ${recipe.student!.epochs}: nothing but the hint would be learnt`);
    if (term.name === 'bounded' && isClassification(recipe.loss)) fail(`distill.terms[${i}] is bounded, which is for regression, and the loss is ${recipe.loss}`);
    if (term.name === 'dkd' && recipe.loss !== 'softmaxCrossEntropy') fail(`distill.terms[${i}] is dkd, which tells the target class from the rest: ${recipe.loss} has no such classes`);
    const rows = recipe.student!.batch * recipe.distill!.transfer.reduce((sum, each) => sum + each.rows, 1);
    if (term.name === 'rkd' && term.angle > 0 && rows > limits.angleRows) fail(`distill.terms[${i}] compares the angles of all triples of a batch, and a batch has ${rows} rows, more than ${limits.angleRows}: lower student.batch or set angle to 0`);
  });
  if (recipe.distill?.rejectBeyond !== undefined && isClassification(recipe.loss)) fail(`distill.rejectBeyond is for regression, and the loss is ${recipe.loss}`);
  if (recipe.distill?.calibrate && !isClassification(recipe.loss)) fail(`distill.calibrate divides logits, and ${recipe.loss} has none`);
  if (recipe.distill?.correctBiases && recipe.loss !== 'softmaxCrossEntropy') fail(`distill.correctBiases is for classes that exclude each other, and the loss is ${recipe.loss}`);
  if (recipe.distill && recipe.distill.terms.length > 0 && recipe.distill.terms.every(({ weight }) => weight === 0)) fail('distill.terms have no weight: the student would learn nothing from its teacher');
  if (recipe.distill?.terms.length === 0) {
    const { calibrate, copy, correctBiases, rejectBeyond, transfer } = recipe.distill;
    if (!copy) fail('distill.terms is empty, and distill.copy is not given: the student would learn nothing from its teacher');
    const needs = Object.entries({ calibrate, correctBiases, rejectBeyond: rejectBeyond !== undefined, transfer: transfer.length > 0 }).find(([, isGiven]) => isGiven);
    if (needs) fail(`distill.${needs[0]} is given, and distill.terms is empty: only terms learn from what a teacher says`);
  }
  const { teacher } = recipe;
  if (!isTrained(teacher)) {
    if (!recipe.student) fail('student is missing: a teacher that is there already has nobody to teach');
    if (teacher.outputs === 'probabilities' && !isClassification(recipe.loss)) fail(`teacher.outputs is probabilities, and ${recipe.loss} has none`);
  } else {
    if (teacher.temperature !== 1 && !isClassification(recipe.loss)) fail(`teacher.temperature is ${teacher.temperature}: it divides logits, and ${recipe.loss} has none`);
    if (teacher.batch < recipe.ranks) fail(`teacher.batch is ${teacher.batch}, less than ranks (${recipe.ranks}): some rank would never have a row`);
  }
  const trained = { teacher: isTrained(teacher) ? teacher : undefined, student: recipe.student };
  for (const name of ['teacher', 'student'] as const) {
    const part = trained[name];
    if (part?.earlyStopping && part.validation === 0) fail(`${name}.validation is 0: earlyStopping needs rows to watch`);
    if (part?.prune && part.prune.to < part.prune.from) fail(`${name}.prune.to is ${part.prune.to}, before prune.from (${part.prune.from})`);
    if (part?.prune && part.prune.to >= part.epochs) fail(`${name}.prune.to is ${part.prune.to}, and the last of ${part.epochs} epochs is ${part.epochs - 1}: the model would not be as sparse as it is to be`);
    if (part?.prune && part.earlyStopping) fail(`${name}.earlyStopping could end training, or go back, to where the model is not yet pruned: leave it or prune out`);
  }
  const early = [trained.teacher, trained.student].find((part) => part?.earlyStopping && !metricsOf(recipe.loss).includes(part.earlyStopping.metric));
  if (early) fail(`earlyStopping.metric is ${early.earlyStopping!.metric}, which ${recipe.loss} does not have; it has ${metricsOf(recipe.loss).join(', ')}`);
  const classed = Object.entries(recipe.data).find(([, source]) => source && 'classes' in source && source.classes);
  if (classed && !isClassification(recipe.loss)) fail(`data.${classed[0]}.classes is given, and ${recipe.loss} has none`);
  const wrong = recipe.metrics?.find((name) => !metricsOf(recipe.loss).includes(name));
  if (wrong) fail(`metrics names ${wrong}, which ${recipe.loss} does not have; it has ${metricsOf(recipe.loss).join(', ')}`);
  return recipe.student && !recipe.distill ? { ...recipe, distill: distillSchema.parse({}) } : recipe;
}
