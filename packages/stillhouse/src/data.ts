// Data sets: prepares those of recipes, inspects files, and downloads well-known ones.
import { prepareData } from '@stillhouse/coordinator';
import {
  dataCacheFolder,
  dataFolders,
  downloadDataset,
  inspectSource,
  knownDatasets,
  preparedFolder,
  sourceOf,
  type Inspection,
  type KnownDataset,
} from '@stillhouse/datasets';
import { inertNotes, StillhouseError } from '@stillhouse/core';
import { loadRecipe, type RecipeOptions, type RecipeSource } from './recipe-file.js';
import { unlessAborted } from './run/unless-aborted.js';

export interface PrepareOptions extends RecipeOptions {
  /** Prepares again, even if it has been prepared. */
  readonly again?: boolean | undefined;
  /** Called as rows are written. */
  readonly onProgress?: ((progress: { set: string; rows: number; of: number }) => void) | undefined;
  /** Ends the preparation early, with INTERRUPTED. */
  readonly signal?: AbortSignal | undefined;
}

export interface PreparedData {
  /** Folder of the blocks. */
  readonly folder: string;
  /** Whether it had been prepared already. */
  readonly isKept: boolean;
  readonly inputShape: readonly number[];
  readonly outputs: number;
  readonly sets: readonly { readonly name: string; readonly rows: number; readonly blocks: number }[];
  readonly warnings: readonly string[];
}

const interrupted = (): StillhouseError =>
  new StillhouseError('INTERRUPTED', 'the preparation of the data was interrupted', {
    next: 'Run the command again: it continues where it stopped.',
  });

/**
 * Reads a recipe's data and cuts it into blocks, as a run would. Later runs use them, and refuse to start if a source
 * has changed. Calling it again after an interruption continues where it stopped.
 * @throws StillhouseError RECIPE_…, DATA_…, TEACHER_…, INTERRUPTED
 */
export async function prepare(source: RecipeSource, options: PrepareOptions = {}): Promise<PreparedData> {
  const { recipe, folder: recipeFolder, located } = await loadRecipe(source, options);
  const places = { recipeFolder, dataFolders: dataFolders(process.env, process.cwd()) };
  const { manifest, blocks, isKept, warnings } = await unlessAborted(options.signal, interrupted, () =>
    located(() =>
      prepareData(recipe, places, {
        folder: preparedFolder(process.env),
        again: options.again ?? false,
        pin: true,
        onProgress: (progress) => options.onProgress?.(progress),
        signal: options.signal,
      }),
    ),
  );
  const sets = Object.entries(manifest.sets).map(([name, set]) => ({
    name,
    rows: set.rowCount,
    blocks: set.blocks.length,
  }));
  const { inputShape, outputs } = manifest;
  return { folder: blocks.path, isKept, inputShape, outputs, sets, warnings: [...inertNotes(recipe), ...warnings] };
}

/**
 * Inspects a file, a pattern of files, a folder, or the result of a DuckDB query.
 * @param options.target column to predict; by default one named y, target, label or class, or else the last that can
 * be one
 * @throws StillhouseError DATA_…
 */
export async function inspect(
  source: string | { readonly sql: string },
  options: { readonly target?: string | undefined } = {},
): Promise<Inspection> {
  const places = { recipeFolder: process.cwd(), dataFolders: dataFolders(process.env, process.cwd()) };
  return inspectSource(typeof source === 'string' ? sourceOf(source, places) : source, places, {
    target: options.target,
  });
}

export const dataSetNames = Object.keys(knownDatasets) as readonly KnownDataset[];

export interface FetchOptions {
  /** Address of a folder to download from. */
  readonly mirror?: string | undefined;
  /** Called with each file once it is in place; `kept` if a correct file was there already. */
  readonly onFile?: ((file: { path: string; bytes: number; kept: boolean }) => void) | undefined;
}

/**
 * Downloads a well-known data set, verified by hash, into STILLHOUSE_DATA, or else the user's cache folder; recipes
 * find it there as data:NAME/FILE. Correct files that are there already are kept.
 * @returns the data set's folder
 * @throws StillhouseError DATA_DOWNLOAD, DATA_CHECKSUM, OUT_UNWRITABLE
 */
export async function fetchData(name: KnownDataset, options: FetchOptions = {}): Promise<string> {
  return downloadDataset(name, process.env['STILLHOUSE_DATA'] ?? dataCacheFolder(process.env), {
    ...(options.mirror === undefined ? {} : { mirror: options.mirror }),
    onFile: (path, bytes, kept) => options.onFile?.({ path, bytes, kept }),
  });
}
