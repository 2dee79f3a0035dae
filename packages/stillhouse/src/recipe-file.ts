// A recipe from a YAML, JSON or TypeScript file, or as an object, with some of its values changed.
import { openRecipe } from '@stillhouse/coordinator';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import { firstLineOf, parsePath, StillhouseError, withValueAt, type Recipe, type RecipeInput } from '@stillhouse/core';

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

function readText(path: string): unknown {
  const document = parseDocument(readFileSync(path, 'utf8'), { prettyErrors: true });
  const problem = document.errors[0];
  if (problem) {
    const place = problem.linePos ? `, line ${problem.linePos[0].line}, column ${problem.linePos[0].col}` : '';
    throw new StillhouseError(
      'RECIPE_SYNTAX',
      `${path}${place}: ${firstLineOf(problem).replace(/ at line \d+, column \d+:?$/, '')}`,
    );
  }
  return document.toJS() as unknown;
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
}

async function readFile(path: string): Promise<unknown> {
  const full = resolve(path);
  if (!existsSync(full)) throw new StillhouseError('RECIPE_NOT_FOUND', `${path} does not exist`);
  try {
    return scripts.has(extname(full)) ? await readScript(full) : readText(full);
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError('RECIPE_NOT_FOUND', `${path} cannot be read: ${firstLineOf(cause)}`, { cause });
  }
}

/**
 * Reads and checks a recipe.
 * @throws StillhouseError RECIPE_NOT_FOUND, RECIPE_SYNTAX, RECIPE_UNKNOWN_KEY, RECIPE_INVALID, EXTENSION_MODULE
 */
export async function loadRecipe(source: RecipeSource, options: RecipeOptions = {}): Promise<LoadedRecipe> {
  const isFile = typeof source === 'string';
  const input = isFile ? await readFile(source) : source;
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new StillhouseError(
      'RECIPE_SYNTAX',
      `${isFile ? source : 'what was given'} is not a recipe: it must be an object with keys such as data and teacher`,
    );
  const changed = Object.entries(options.set ?? {}).reduce<unknown>(
    (recipe, [path, value]) => withValueAt(recipe, parsePath(path), value ?? undefined),
    input,
  );
  const folder = options.recipeFolder ?? (isFile ? dirname(resolve(source)) : process.cwd());
  return { recipe: await openRecipe(changed, folder), folder };
}
