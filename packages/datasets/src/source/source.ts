// What a source is, and what a kind of source must be able to do, whether built in or from a user's module.
import type { SourceInput, TableConfig } from '@stillhouse/core';
import type { TableReader } from '../table/duckdb.js';
import type { Table } from '../table/table.js';
import type { TensorSet } from '../tensor/tensor-set.js';
import type { ImageFiles } from './image-files.js';

/** The rows: a table of columns, or tensors of one shape. */
export type Source = {
  /** Rows of each source of a mix, one after the other. */
  readonly mixed?: readonly number[];
  /** Sentences about what is not read. */
  readonly warnings?: readonly string[];
} & ({ readonly type: 'table'; readonly table: Table } | { readonly type: 'tensors'; readonly tensors: TensorSet });

/** Objects: cells by column if data.table is given, otherwise { x, y } with numbers. */
export type Rows = AsyncIterable<unknown> | Iterable<unknown>;

export interface SourceContext {
  /** Folder of the recipe. */
  readonly folder: string;
  /**
   * The file that a path of a recipe stands for, which may begin with data:.
   * @throws StillhouseError DATA_NOT_FOUND
   */
  readonly find: (path: string) => string;
  /**
   * Files that paths or patterns stand for, sorted within each pattern.
   * @throws StillhouseError DATA_NOT_FOUND
   */
  readonly findAll: (paths: string | readonly string[]) => string[];
  /**
   * The image files of a folder, which is walked once only: all that is read of it are the files that were hashed.
   * @throws StillhouseError DATA_NOT_FOUND, DATA_FORMAT
   */
  readonly imagesIn: (folder: string) => ImageFiles;
  /** Opens tables. */
  readonly tables: TableReader;
}

export interface OpenContext extends SourceContext {
  /** False for a pool, whose rows need no labels. */
  readonly withLabels: boolean;
  /** Whether the loss is one for classes. */
  readonly hasClasses: boolean;
  /** The recipe's data.table, if rows are cells of columns. */
  readonly table: TableConfig | undefined;
  /**
   * A source of rows that are yielded one by one. They are stored once, because sources are read more than once.
   * @param what names them in errors
   * @throws StillhouseError DATA_MODULE, DATA_EMPTY
   */
  readonly fromRows: (what: string, rows: Rows) => Promise<Source>;
}

/**
 * A kind of source.
 * @typeParam Config the source's part of a recipe; for a source of a module, its options
 */
export interface SourceKind<Config> {
  /** Files whose bytes show whether the source's rows have changed, without opening it. */
  files(config: Config, context: SourceContext): readonly string[] | Promise<readonly string[]>;
  /** Of these files, the names on which rows depend, such as those of folders that are classes. */
  fileNames?(config: Config, context: SourceContext): readonly string[] | Promise<readonly string[]>;
  /**
   * Whether rows come in the same order whenever the source is opened; an interrupted preparation can then continue.
   */
  isRepeatable(config: Config, context: SourceContext): boolean | Promise<boolean>;
  /**
   * Opens the source. Its rows are read several times, perhaps at the same time, and are the same, in the same order,
   * each time.
   * @throws StillhouseError DATA_…
   */
  open(config: Config, context: OpenContext): Source | Promise<Source>;
  /** Files among them that are code, by their paths in the recipe: a job records their hashes. */
  modules?(config: Config): readonly string[];
  /** A source for a path whose name shows that it is of this kind. */
  byName?(path: string, about: PathName): SourceInput | undefined;
}

export interface PathName {
  /** The path without .gz, in lower case. */
  readonly name: string;
  /** @throws StillhouseError DATA_NOT_FOUND */
  readonly isFolder: () => boolean;
}

/**
 * Types and checks a kind of source; returns it unchanged.
 * @throws TypeError naming what it lacks
 */
export function defineSource<Config>(kind: SourceKind<Config>): SourceKind<Config> {
  for (const name of ['files', 'isRepeatable', 'open'] as const)
    if (typeof kind[name] !== 'function') throw new TypeError(`its source has no function ${name}`);
  return kind;
}

/** What both kinds of content have: a name for errors, and a count of rows. */
export const contentOf = (source: Source): { readonly what: string; readonly rowCount: number } =>
  source.type === 'table' ? source.table : source.tensors;
