// From a source in a recipe to what gives its rows: a table, or a set of tensors.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import {
  isClassification,
  StillhouseError,
  type PlainSourceConfig,
  type Recipe,
  type SourceConfig,
} from '@stillhouse/core';
import { locate, locateAll, type DataPlaces } from '../fetch/files.js';
import { generatorSet } from './generator.js';
import { idxSet } from './idx.js';
import { imageFolder, imageList } from './images.js';
import { moduleSet, spoolCells } from './module.js';
import { npySet, npzSet } from './npy.js';
import { csvHeader, quoted, Table } from '../table/table.js';
import type { TensorSet } from '../tensor/tensor-set.js';

export type Source = {
  /** Rows of each source of a mix, which lie one behind the other. */
  readonly mixed?: readonly number[];
} & ({ readonly table: Table } | { readonly tensors: TensorSet });

/** DuckDB with bounded memory, no network, and relative paths that begin at the recipe. */
export class TableReader {
  #connection: Promise<DuckDBConnection> | undefined;
  #close = (): void => {};
  #views = 0;

  /** @param spillFolder where what does not fit into memory goes */
  constructor(
    private readonly places: DataPlaces,
    private readonly spillFolder: string,
  ) {}

  /** @throws StillhouseError DATA_READER if DuckDB cannot be loaded */
  get connection(): Promise<DuckDBConnection> {
    return (this.#connection ??= this.#open());
  }

  /** For rows that are written down to be read more than once. */
  spoolFolder(): string {
    const folder = join(this.spillFolder, 'spool');
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  nextView(): string {
    return `source${this.#views++}`;
  }

  close(): void {
    this.#close();
  }

  async #open(): Promise<DuckDBConnection> {
    let api: typeof import('@duckdb/node-api');
    try {
      api = await import('@duckdb/node-api');
    } catch (cause) {
      throw new StillhouseError(
        'DATA_READER',
        `DuckDB, which reads tables, cannot be loaded: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
        { cause },
      );
    }
    const instance = await api.DuckDBInstance.create(`${this.spillFolder}/queries.duckdb`, {
      memory_limit: memoryLimit,
      threads: '2',
      temp_directory: `${this.spillFolder}/spill`,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    this.#close = () => {
      connection.closeSync();
      instance.closeSync();
    };
    await connection.run(`SET file_search_path = ${quoted(this.places.recipeFolder)}`);
    return connection;
  }
}

const memoryLimit = '192MB';

async function openImages(
  config: Extract<PlainSourceConfig, { images: object }>['images'],
  recipe: Recipe,
  { places, reader, withLabels }: OpenOptions,
): Promise<Source> {
  if ('folder' in config) return { tensors: imageFolder(locate(config.folder, places), config, withLabels) };
  const csv = locate(config.csv, places);
  const table = await csvTable([csv], { what: csv, delimiter: ',' }, reader);
  const rows: { path: string | null; label: string | null }[] = [];
  for await (const {
    rowCount,
    cells: [paths, labels],
  } of table.chunks([
    { column: config.path, as: 'text' },
    { column: config.label, as: 'text' },
  ])) {
    for (let i = 0; i < rowCount; i++)
      rows.push({ path: paths[i] as string | null, label: labels[i] as string | null });
  }
  return { tensors: imageList(csv, rows, config, isClassification(recipe.loss)) };
}

async function openModule(
  config: Extract<PlainSourceConfig, { module: string }>,
  recipe: Recipe,
  { places, reader, withLabels }: OpenOptions,
): Promise<Source> {
  const path = locate(config.module, places);
  const view = reader.nextView();
  const target = { places, file: join(reader.spoolFolder(), view) };
  if (!recipe.data.table) return { tensors: await moduleSet(path, config.export, { ...target, withLabels }) };
  await spoolCells(path, config.export, target);
  return {
    table: await Table.open(
      await reader.connection,
      path,
      `read_json([${quoted(target.file)}], format = 'newline_delimited', sample_size = -1)`,
      { view },
    ),
  };
}

const shown = (files: readonly string[], paths: string | readonly string[]): string =>
  files.length === 1 ? files[0] : [paths].flat().join(', ');
const listed = (files: readonly string[]): string => `[${files.map(quoted).join(', ')}]`;

/** @throws StillhouseError DATA_… */
export async function csvTable(
  files: readonly string[],
  { what, delimiter }: { what: string; delimiter: string },
  reader: TableReader,
): Promise<Table> {
  return Table.open(await reader.connection, what, await csvRelation(files, delimiter), { view: reader.nextView() });
}

async function csvRelation(files: readonly string[], delimiter: string): Promise<string> {
  const header = await csvHeader(files[0], delimiter);
  for (const file of files.slice(1)) {
    const other = await csvHeader(file, delimiter);
    if (other.join('\n') !== header.join('\n'))
      throw new StillhouseError(
        'DATA_COLUMN',
        `${file} has the columns ${other.join(', ')}, but ${files[0]} ${header.join(', ')}`,
      );
  }
  const columns = header.map((name) => `${quoted(name)}: 'VARCHAR'`).join(', ');
  return `read_csv(${listed(files)}, columns = {${columns}}, header = true, auto_detect = false, delim = ${quoted(delimiter)}, quote = '"', escape = '"', strict_mode = true)`;
}

export interface OpenOptions {
  readonly places: DataPlaces;
  readonly reader: TableReader;
  /** False for a pool, which need not have labels. */
  readonly withLabels: boolean;
}

/** @throws StillhouseError DATA_… */
export async function openSource(config: SourceConfig, recipe: Recipe, options: OpenOptions): Promise<Source> {
  if (!('mix' in config)) return openPlain(config, recipe, options);
  const { reader } = options;
  const sources: Source[] = [];
  for (const { source } of config.mix) sources.push(await openPlain(source, recipe, options));
  const tables = sources.flatMap((source) => ('table' in source ? [source.table] : []));
  if (tables.length === sources.length)
    return {
      mixed: tables.map(({ rowCount }) => rowCount),
      table: await Table.union(await reader.connection, tables, reader.nextView()),
    };
  const sets = sources.flatMap((source) => ('tensors' in source ? [source.tensors] : []));
  if (sets.length !== sources.length)
    throw new StillhouseError(
      'DATA_FORMAT',
      'data.large.mix has tables and other sources: its rows are of different kinds',
    );
  return { mixed: sets.map(({ rowCount }) => rowCount), tensors: chain(sets) };
}

/** @throws StillhouseError DATA_FORMAT */
function chain(sets: readonly TensorSet[]): TensorSet {
  const [first] = sets;
  const kindOf = (set: TensorSet): string =>
    JSON.stringify([set.inputShape, set.dtype, set.isBytes, set.labelCount, set.classes ?? null]);
  const other = sets.find((set) => kindOf(set) !== kindOf(first));
  if (other)
    throw new StillhouseError(
      'DATA_FORMAT',
      `data.large.mix: ${other.what} has rows or classes of another kind than ${first.what}`,
    );
  return {
    ...first,
    what: sets.map(({ what }) => what).join(' + '),
    rowCount: sets.reduce((sum, { rowCount }) => sum + rowCount, 0),
    async *chunks() {
      for (const set of sets) yield* set.chunks();
    },
  };
}

async function openPlain(config: PlainSourceConfig, recipe: Recipe, options: OpenOptions): Promise<Source> {
  const { places, reader, withLabels } = options;
  if ('generator' in config) return { tensors: generatorSet(config) };
  if ('idx' in config) return { tensors: idxSet(config.idx, places) };
  if ('npy' in config) return { tensors: npySet(config.npy, places) };
  if ('npz' in config)
    return {
      tensors: await npzSet(config.npz, places, { folder: reader.spoolFolder(), name: reader.nextView(), withLabels }),
    };
  if ('images' in config) return openImages(config.images, recipe, options);
  if ('tfrecord' in config) {
    const files = locateAll(config.tfrecord, places);
    const { tfrecordSet } = await import('./tfrecord.js');
    return { tensors: await tfrecordSet(shown(files, config.tfrecord), files, config) };
  }
  if ('module' in config) return openModule(config, recipe, options);
  if ('sql' in config) {
    const query = config.sql.trim().replace(/;+$/, '');
    return {
      table: await Table.open(await reader.connection, 'data.sql', `(${query}\n)`, {
        view: reader.nextView(),
        isStored: true,
      }),
    };
  }
  const paths = 'csv' in config ? config.csv : 'parquet' in config ? config.parquet : config.jsonl;
  const files = locateAll(paths, places);
  const what = shown(files, paths);
  if ('csv' in config)
    return { table: await csvTable(files, { what, delimiter: recipe.data.table!.delimiter }, reader) };
  const relation =
    'parquet' in config
      ? `read_parquet(${listed(files)})`
      : `read_json(${listed(files)}, format = 'newline_delimited', sample_size = -1)`;
  return { table: await Table.open(await reader.connection, what, relation, { view: reader.nextView() }) };
}
