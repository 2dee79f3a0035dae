// Finds data files: beside the recipe, or under the data folder for names that begin with "data:".
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { cacheFolder, StillhouseError } from '@stillhouse/core';

/** Where `stillhouse data fetch` puts files unless STILLHOUSE_DATA says otherwise. */
export function dataCacheFolder(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env, homedir()), 'data');
}

/** Folders that "data:" may stand for, in the order in which they are looked at. */
export function dataFolders(env: NodeJS.ProcessEnv, workingFolder: string): string[] {
  if (env['STILLHOUSE_DATA']) return [resolve(env['STILLHOUSE_DATA'])];
  return [resolve(workingFolder, '../shared/data'), dataCacheFolder(env)];
}

export interface DataPlaces {
  /** Folder of the recipe: other paths are relative to it. */
  readonly recipeFolder: string;
  readonly dataFolders: readonly string[];
}

/** @throws StillhouseError DATA_NOT_FOUND, naming every place that was looked at */
export function locate(path: string, places: DataPlaces): string {
  const isShared = path.startsWith('data:');
  const bases = isShared ? places.dataFolders.map((folder) => join(folder, path.slice(5))) : [resolve(places.recipeFolder, path)];
  const candidates = bases.flatMap((base) => [base, base.endsWith('.gz') ? base.slice(0, -3) : `${base}.gz`]);
  const found = candidates.find((candidate) => existsSync(candidate));
  if (!found) throw new StillhouseError('DATA_NOT_FOUND', `${path} does not exist (looked for ${bases.join(' and ')})`);
  return found;
}

/** @throws StillhouseError DATA_NOT_FOUND */
export function readBytes(path: string, places: DataPlaces): Buffer {
  const file = locate(path, places);
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new StillhouseError('DATA_NOT_FOUND', `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
