// A recipe from a YAML, JSON or TypeScript file, with values changed by --set.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';
import { parseDocument } from 'yaml';
import { parsePath, parseRecipe, StillhouseError, withValueAt, type Recipe } from '@stillhouse/core';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0];
const scripts = new Set(['.ts', '.mts', '.js', '.mjs']);

async function readScript(path: string): Promise<unknown> {
  // A recipe may import "stillhouse" wherever it lies.
  const jiti = createJiti(import.meta.url, {
    alias: { stillhouse: fileURLToPath(new URL('../index.js', import.meta.url)) },
  });
  try {
    return await jiti.import(path, { default: true });
  } catch (cause) {
    throw new StillhouseError('RECIPE_SYNTAX', `${path}: ${messageOf(cause)}`, { cause });
  }
}

function readText(path: string): unknown {
  const document = parseDocument(readFileSync(path, 'utf8'), { prettyErrors: true });
  const problem = document.errors[0];
  if (problem) {
    const place = problem.linePos ? `, line ${problem.linePos[0].line}, column ${problem.linePos[0].col}` : '';
    throw new StillhouseError(
      'RECIPE_SYNTAX',
      `${path}${place}: ${messageOf(problem).replace(/ at line \d+, column \d+:?$/, '')}`,
    );
  }
  return document.toJS() as unknown;
}

/** Another value at a path: `teacher.epochs=3`, `student.model.layers[0].dense=8`. The value is YAML; null removes the key. */
function withSetting(recipe: unknown, setting: string): unknown {
  const equals = setting.indexOf('=');
  if (equals < 1) throw new StillhouseError('USAGE', `--set ${setting} is not key=value`);
  const value: unknown = parseDocument(setting.slice(equals + 1)).toJS();
  return withValueAt(recipe, parsePath(setting.slice(0, equals)), value ?? undefined);
}

export interface RecipeFile {
  readonly recipe: Recipe;
  /** Folder that the recipe's paths are relative to. */
  readonly folder: string;
}

/**
 * @param settings values of --set
 * @throws StillhouseError RECIPE_NOT_FOUND, RECIPE_SYNTAX, RECIPE_UNKNOWN_KEY, RECIPE_INVALID
 */
export async function loadRecipe(path: string, settings: readonly string[] = []): Promise<RecipeFile> {
  const full = resolve(path);
  if (!existsSync(full)) throw new StillhouseError('RECIPE_NOT_FOUND', `${path} does not exist`);
  let input: unknown;
  try {
    input = scripts.has(extname(full)) ? await readScript(full) : readText(full);
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError('RECIPE_NOT_FOUND', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new StillhouseError(
      'RECIPE_SYNTAX',
      `${path} holds no recipe: it must be an object with keys such as data and teacher`,
    );
  return { recipe: parseRecipe(settings.reduce(withSetting, input)), folder: dirname(full) };
}
