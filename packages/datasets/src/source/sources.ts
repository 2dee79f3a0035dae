// The kinds of sources that a recipe can name: one reader per schema of core, so that the compiler names what is
// missing here.
import { statSync } from 'node:fs';
import {
  sourceKeyOf,
  type Recipe,
  type SourceConfig,
  type SourceConfigOf,
  type SourceInput,
  type SourceKey,
} from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { locate, locateAll, type DataPlaces } from '../file/places.js';
import type { TableReader } from '../table/duckdb.js';
import { csv } from './csv.js';
import { generator } from './generator.js';
import { idx } from './idx.js';
import { imagesIn, type ImageFiles } from './image-files.js';
import { images } from './images.js';
import { jsonl } from './jsonl.js';
import { mixOf } from './mix.js';
import { module } from './module.js';
import { npy } from './npy.js';
import { npz } from './npz.js';
import { parquet } from './parquet.js';
import type { OpenContext, Source, SourceContext, SourceKind } from './source.js';
import { sql } from './sql.js';
import { tfrecord } from './tfrecord.js';
import { sourceOfRows } from './yielded-rows.js';

const kinds: { readonly [Key in SourceKey]: SourceKind<SourceConfigOf<Key>> } = {
  generator,
  csv,
  parquet,
  jsonl,
  sql,
  npy,
  npz,
  tfrecord,
  module,
  idx,
  // Any folder may be a folder of images, so that kind is tried last.
  images,
  mix: mixOf((config) => sourceKind(config)),
};

/** Opens the sources of a recipe. */
export const sourceKind = (config: SourceConfig): SourceKind<SourceConfig> => kinds[sourceKeyOf(config)];

export function sourceContext(places: DataPlaces, tables: TableReader): SourceContext {
  const walked = new Map<string, ImageFiles>();
  return {
    folder: places.recipeFolder,
    find: (path) => locate(path, places),
    findAll: (paths) => locateAll(paths, places),
    imagesIn(folder) {
      const found = walked.get(folder) ?? imagesIn(folder);
      walked.set(folder, found);
      return found;
    },
    tables,
  };
}

/** @param withLabels false for a pool, whose rows need no labels */
export function openContext(
  context: SourceContext,
  { data: { table }, loss }: Pick<Recipe, 'loss'> & { readonly data: Pick<Recipe['data'], 'table'> },
  withLabels: boolean,
): OpenContext {
  const { tables } = context;
  return {
    ...context,
    withLabels,
    hasClasses: lossOf(loss).labels !== 'numbers',
    table,
    fromRows: (what, rows) => sourceOfRows(what, rows, { tables, isTable: table !== undefined, withLabels }),
  };
}

/** @throws StillhouseError DATA_… */
export const openSource = async (config: SourceConfig, context: OpenContext): Promise<Source> =>
  sourceKind(config).open(config, context);

/** The source that a path is, by its name; undefined if the name does not show it. */
export function sourceByName(path: string, { find }: Pick<SourceContext, 'find'>): SourceInput | undefined {
  const about = {
    name: path.replace(/\.gz$/, '').toLowerCase(),
    isFolder: () => statSync(find(path)).isDirectory(),
  };
  for (const kind of Object.values(kinds)) {
    const source = kind.byName?.(path, about);
    if (source) return source;
  }
  return undefined;
}
