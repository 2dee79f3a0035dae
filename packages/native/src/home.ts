// Where a native engine lies: one folder per TensorFlow version in the user's cache, complete once its manifest is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '@stillhouse/core';

type Env = NodeJS.ProcessEnv;

/** What an install wrote, last of all. */
export interface NativeManifest {
  readonly revision: number;
  readonly tensorflow: string;
  /** Where libtensorflow came from. */
  readonly source: string;
  readonly installedAt: string;
  readonly bytes: number;
}

export interface NativeEngine {
  readonly folder: string;
  readonly manifest: NativeManifest;
}

export const downloadsFolder = (env: Env): string => join(cacheFolder(env, homedir()), 'downloads');
export const enginesFolder = (env: Env): string => join(cacheFolder(env, homedir()), 'tensorflow');
export const manifestFile = 'engine.json';
/** Of what an engine consists of: one of another revision is built anew. */
export const engineRevision = 2;
/** Of the folder of an install that is under way. */
export const partialEnding = '.partial';

/** The engines of this revision that are installed whole, newest version first. */
export function installedEngines(env: Env): NativeEngine[] {
  const root = enginesFolder(env);
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((folder) => !folder.endsWith(partialEnding) && existsSync(join(folder, manifestFile)))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, manifestFile), 'utf8')) as NativeManifest }))
    .filter(({ manifest }) => manifest.revision === engineRevision)
    .sort((a, b) => b.manifest.tensorflow.localeCompare(a.manifest.tensorflow, 'en', { numeric: true }));
}
