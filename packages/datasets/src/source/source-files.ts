// The files that a source is made of, without opening it: by their bytes it is known whether it has been prepared.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'csv-parse/sync';
import { globSync } from 'tinyglobby';
import type { SourceConfig } from '@stillhouse/core';
import { locate, locateAll, type DataPlaces } from '../fetch/files.js';
import { imagesIn } from './images.js';

/** @throws StillhouseError DATA_NOT_FOUND */
export function filesOf(config: SourceConfig, places: DataPlaces): string[] {
  if ('generator' in config) return [];
  if ('mix' in config) return config.mix.flatMap(({ source }) => filesOf(source, places));
  if ('sql' in config) return filesOfQuery(config.sql, places);
  if ('idx' in config) return located([config.idx.images, config.idx.labels], places);
  if ('npy' in config) return located([config.npy.inputs, config.npy.labels], places);
  if ('npz' in config) return [locate(config.npz.file, places)];
  if ('module' in config) return [locate(config.module, places)];
  if ('images' in config)
    return 'folder' in config.images
      ? imagesIn(locate(config.images.folder, places))
      : filesOfList(locate(config.images.csv, places), config.images.path);
  return locateAll(
    'csv' in config
      ? config.csv
      : 'parquet' in config
        ? config.parquet
        : 'jsonl' in config
          ? config.jsonl
          : config.tfrecord,
    places,
  );
}

const located = (paths: readonly (string | undefined)[], places: DataPlaces): string[] =>
  paths.flatMap((path) => (path === undefined ? [] : [locate(path, places)]));

/** Whether a source gives its rows in the same order whenever it is opened: a query or a module need not. */
export const isRepeatable = (config: SourceConfig): boolean =>
  'mix' in config ? config.mix.every(({ source }) => isRepeatable(source)) : !('sql' in config || 'module' in config);

/** Files that a query names in quotes. */
function filesOfQuery(sql: string, { recipeFolder }: DataPlaces): string[] {
  return [...sql.matchAll(/'((?:[^']|'')+)'/g)].flatMap(([, text]) =>
    globSync(resolve(recipeFolder, text.replaceAll("''", "'")), { absolute: true, dot: true }).sort(),
  );
}

/** A list of images, and the images that it names; what is wrong with it is said when it is opened. */
function filesOfList(csv: string, column: string): string[] {
  let rows: Record<string, string>[];
  try {
    rows = parse(readFileSync(csv), { bom: true, columns: true, relax_column_count: true });
  } catch {
    return [csv];
  }
  return [
    csv,
    ...rows
      .flatMap((row) => (row[column] ? [resolve(dirname(csv), row[column].trim())] : []))
      .filter((file) => existsSync(file)),
  ];
}
