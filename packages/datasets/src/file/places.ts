// Where the files of sources are: next to the recipe or in the data folder, found by name or pattern.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { globSync } from 'tinyglobby';
import { cacheFolder, limits, messageOf, StillhouseError } from '@stillhouse/core';

/** Where `stillhouse data fetch` puts files, unless STILLHOUSE_DATA is set. */
export function dataCacheFolder(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env, homedir()), 'data');
}

/** Where prepared data sets are kept: STILLHOUSE_PREPARED, or else a folder of the cache. */
export const preparedFolder = (env: NodeJS.ProcessEnv): string =>
  env['STILLHOUSE_PREPARED'] ?? join(cacheFolder(env, homedir()), 'prepared');

/** Where workers keep blocks from the network. */
export const blockCacheFolder = (env: NodeJS.ProcessEnv): string => join(cacheFolder(env, homedir()), 'blocks');

/** Folders that "data:" may stand for, in the order in which they are searched. */
export function dataFolders(env: NodeJS.ProcessEnv, workingFolder: string): string[] {
  if (env['STILLHOUSE_DATA']) return [resolve(env['STILLHOUSE_DATA'])];
  return [resolve(workingFolder, '../shared/data'), dataCacheFolder(env)];
}

export interface DataPlaces {
  /** Folder of the recipe: other paths are relative to it. */
  readonly recipeFolder: string;
  readonly dataFolders: readonly string[];
}

const basesOf = (path: string, places: DataPlaces): string[] =>
  path.startsWith('data:')
    ? places.dataFolders.map((folder) => join(folder, path.slice(5)))
    : [resolve(places.recipeFolder, path)];

const notFound = (path: string, bases: readonly string[]): StillhouseError =>
  new StillhouseError(
    'DATA_NOT_FOUND',
    `${path} does not exist (looked for ${bases.join(' and ')})`,
    path.startsWith('data:')
      ? { next: 'Check the path, or set STILLHOUSE_DATA; `stillhouse data fetch` downloads well-known data sets.' }
      : {},
  );

/** @throws StillhouseError DATA_NOT_FOUND, naming every place that was searched */
export function locate(path: string, places: DataPlaces): string {
  const bases = basesOf(path, places);
  const candidates = bases.flatMap((base) => [base, base.endsWith('.gz') ? base.slice(0, -3) : `${base}.gz`]);
  const found = candidates.find((candidate) => existsSync(candidate));
  if (!found) throw notFound(path, bases);
  return found;
}

/**
 * Files that paths or patterns stand for, sorted within each pattern. As in a shell, `*` does not stand for hidden
 * files.
 * @throws StillhouseError DATA_NOT_FOUND, or DATA_FORMAT if a file occurs twice
 */
export function locateAll(paths: string | readonly string[], places: DataPlaces): string[] {
  const files = [paths].flat().flatMap((path) => filesOf(path, places));
  const seen = new Map<string, string>();
  for (const file of files) {
    const real = realpathSync(file);
    const before = seen.get(real);
    if (before !== undefined) {
      const both = file === before ? `${file} is named twice` : `${file} and ${before} are one file`;
      throw new StillhouseError('DATA_FORMAT', `${both}, so its rows would occur twice`, {
        next: 'Name each file once. A mix draws from its sources in proportion.',
      });
    }
    seen.set(real, file);
  }
  return files;
}

function filesOf(path: string, places: DataPlaces): string[] {
  if (!/[*?[{]/.test(path) || existsSync(basesOf(path, places)[0])) return [locate(path, places)];
  for (const base of basesOf(path, places)) {
    const found = globSync(base, { absolute: true }).sort();
    if (found.length > limits.fileCount)
      throw new StillhouseError(
        'DATA_FORMAT',
        `${path} matches ${found.length} files; the limit is ${limits.fileCount}`,
        { next: 'Name fewer files.' },
      );
    if (found.length > 0) return found;
  }
  throw notFound(path, basesOf(path, places));
}

/** @throws StillhouseError DATA_NOT_FOUND */
export function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

export const unreadable = (file: string, cause: unknown): StillhouseError =>
  new StillhouseError('DATA_NOT_FOUND', `${file} cannot be read: ${messageOf(cause)}`, { cause });
