// A recipe from a YAML, JSON or TypeScript file, or as an object, with some of its values changed.
import { openRecipe } from '@stillhouse/coordinator';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  faultyPart,
  firstLineOf,
  parsePath,
  StillhouseError,
  valueAt,
  withValueAt,
  type Path,
  type Recipe,
  type RecipeInput,
} from '@stillhouse/core';
import { placeText, readRecipeText, type RecipeText } from './recipe-text.js';

const scripts = new Set(['.ts', '.mts', '.js', '.mjs']);

async function readScript(path: string): Promise<unknown> {
  const { createJiti } = await import('jiti');
  // A recipe may import "stillhouse" wherever its file is.
  const jiti = createJiti(import.meta.url, {
    alias: { stillhouse: fileURLToPath(new URL('./index.js', import.meta.url)) },
  });
  try {
    return await jiti.import(path, { default: true });
  } catch (cause) {
    throw new StillhouseError('RECIPE_SYNTAX', `${path}: ${firstLineOf(cause)}`, { cause });
  }
}

/** Path of a recipe file (YAML, JSON or TypeScript), or a recipe. */
export type RecipeSource = string | RecipeInput;

export interface RecipeOptions {
  /**
   * Values to change, by path: `{ 'teacher.epochs': 3, 'student.model.layers[0].dense': 8 }`. null removes a key.
   */
  readonly set?: Readonly<Record<string, unknown>> | undefined;
  /** Folder that the recipe's paths are relative to; by default its file's, or the working folder. */
  readonly recipeFolder?: string | undefined;
}

export interface LoadedRecipe {
  readonly recipe: Recipe;
  /** Folder that the recipe's paths are relative to. */
  readonly folder: string;
  /**
   * Runs work that may throw an error about a part of the recipe; the error then names file, line and column of that
   * part, or the argument that set it.
   */
  readonly located: <T>(work: () => Promise<T>) => Promise<T>;
}

/** A value that a user gives for a path of the recipe. */
export interface RecipeChange {
  readonly path: string;
  readonly value: unknown;
  /** How it was given, for errors: --set, or --vary. */
  readonly argument: string;
}

/** What was read, and where its parts are. */
interface ReadRecipe {
  readonly value: unknown;
  /** Its file's name; undefined for an object. */
  readonly file: string | undefined;
  readonly text: RecipeText | undefined;
}

/** Where a recipe comes from. */
interface Origin {
  readonly read: ReadRecipe;
  readonly changes: readonly RecipeChange[];
}

async function readFile(file: string): Promise<ReadRecipe> {
  const full = resolve(file);
  if (!existsSync(full)) throw new StillhouseError('RECIPE_NOT_FOUND', `${file} does not exist`);
  if (scripts.has(extname(full))) return { value: await readScript(full), file, text: undefined };
  let content: string;
  try {
    content = readFileSync(full, 'utf8');
  } catch (cause) {
    throw new StillhouseError('RECIPE_NOT_FOUND', `${file} cannot be read: ${firstLineOf(cause)}`, { cause });
  }
  const text = readRecipeText(content, file);
  return { value: text.value, file, text };
}

const argumentText = ({ argument, path, value }: RecipeChange): string =>
  `${argument} ${path}=${typeof value === 'string' ? value : (JSON.stringify(value) ?? '')}`;

const startsWith = (path: Path, start: Path): boolean => start.every((part, i) => String(path[i]) === String(part));

/** The change that a part of the recipe comes from, if it is not as it was read. */
function changeAt({ value }: ReadRecipe, changes: readonly RecipeChange[], path: Path): RecipeChange | undefined {
  return changes.findLast((change) => {
    const changed = parsePath(change.path);
    return startsWith(path, changed) || (startsWith(changed, path) && valueAt(value, path) === undefined);
  });
}

/** The part that an error is about. One about data may begin with what only looks like a path, such as data.csv. */
function partOf(error: StillhouseError, recipe: unknown): Path | undefined {
  const path = faultyPart(error);
  const isSure = error.code === 'RECIPE_INVALID' || error.code === 'RECIPE_UNKNOWN_KEY';
  return path && (isSure || (path.length > 1 && valueAt(recipe, path) !== undefined)) ? path : undefined;
}

/** An error about a part of a recipe, with the place of that part; any other error as it is. */
function locate(error: unknown, recipe: unknown, { read, changes }: Origin): unknown {
  const path = error instanceof StillhouseError ? partOf(error, recipe) : undefined;
  if (!(error instanceof StillhouseError) || !path) return error;
  const change = changeAt(read, changes, path);
  const { file, text } = read;
  const inFile = file !== undefined && text ? placeText(file, text.positionOf(path)) : file;
  const place = change ? argumentText(change) : inFile;
  if (place === undefined) return error;
  return new StillhouseError(error.code, `${place}: ${error.message}`, {
    next: error.next,
    cause: error,
    ...(error.remoteStack === undefined ? {} : { remoteStack: error.remoteStack }),
  });
}

function changed(read: ReadRecipe, changes: readonly RecipeChange[]): unknown {
  return changes.reduce((recipe, change) => {
    try {
      return withValueAt(recipe, parsePath(change.path), change.value ?? undefined);
    } catch (cause) {
      if (!(cause instanceof StillhouseError)) throw cause;
      throw new StillhouseError(cause.code, `${argumentText(change)}: ${cause.message}`, { cause });
    }
  }, read.value);
}

/**
 * For how many epochs a baseline trains is chosen by cross-validation unless the recipe says so; run folders of earlier
 * versions, which do not say so, go on as they began.
 */
const withBaseline = (recipe: Recipe): Recipe =>
  recipe.student ? { ...recipe, baseline: recipe.baseline ?? { epochs: 'crossValidation' } } : recipe;

/** `loadRecipe` with changes that know how they were given. */
export async function loadChanged(
  source: RecipeSource,
  changes: readonly RecipeChange[],
  recipeFolder?: string,
): Promise<LoadedRecipe> {
  const isFile = typeof source === 'string';
  const read = isFile ? await readFile(source) : { value: source, file: undefined, text: undefined };
  const { value } = read;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new StillhouseError(
      'RECIPE_SYNTAX',
      `${isFile ? source : 'what was given'} is not a recipe: it must be an object with keys such as data and teacher`,
    );
  const input = changed(read, changes);
  const folder = recipeFolder ?? (isFile ? dirname(resolve(source)) : process.cwd());
  const located = async <T>(work: () => Promise<T>): Promise<T> =>
    work().catch((error: unknown) => {
      throw locate(error, input, { read, changes });
    });
  const recipe = await located(() => openRecipe(input, folder));
  return { recipe: withBaseline(recipe), folder, located };
}

/** The changes of `RecipeOptions.set`. */
export const settings = (set: RecipeOptions['set']): RecipeChange[] =>
  Object.entries(set ?? {}).map(([path, value]) => ({ path, value, argument: '--set' }));

/**
 * Reads and checks a recipe. An error about a part of it names file, line and column of that part, or the path in
 * `set`.
 * @throws StillhouseError RECIPE_NOT_FOUND, RECIPE_SYNTAX, RECIPE_UNKNOWN_KEY, RECIPE_INVALID, EXTENSION_MODULE
 */
export const loadRecipe = (source: RecipeSource, options: RecipeOptions = {}): Promise<LoadedRecipe> =>
  loadChanged(source, settings(options.set), options.recipeFolder);
