// A source that a user's module exports: defined by defineSource, or a function that yields rows.
import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { messageOf, StillhouseError, type SourceConfigOf } from '@stillhouse/core';
import { sha256 } from '../file/sha256.js';
import { checkedResult, checkedSource, fileList, truth } from './checked-source.js';
import { defineSource, type Rows, type SourceContext, type SourceKind } from './source.js';

type ModuleConfig = SourceConfigOf<'module'>;

/** What a recipe gives a module. */
export type SourceOptions = NonNullable<SourceConfigOf<'module'>['options']>;

/** What a function that yields rows gets. */
export interface RowsContext extends Pick<SourceContext, 'folder' | 'find'> {
  /** Empty if the recipe gives none. */
  readonly options: SourceOptions;
  /** False for a pool, whose rows need no y. */
  readonly withLabels: boolean;
}

type RowsFunction = (context: RowsContext) => unknown;

/** Whatever a module throws, with its path. */
const failed = (file: string, cause: unknown): StillhouseError =>
  cause instanceof StillhouseError
    ? cause
    : new StillhouseError('DATA_MODULE', `${file}: ${messageOf(cause)}`, { cause });

/** @throws StillhouseError DATA_MODULE with the module's path, whatever the module throws */
async function attempt<T>(file: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw failed(file, cause);
  }
}

const isRows = (given: unknown): given is Rows =>
  typeof given === 'object' && given !== null && (Symbol.asyncIterator in given || Symbol.iterator in given);

/** A source whose rows a function yields; what they are made from is not known. */
const yielded = (file: string, name: string, rowsOf: RowsFunction): SourceKind<SourceOptions> =>
  defineSource<SourceOptions>({
    files: () => [],
    isRepeatable: () => false,
    async open(options, { folder, find, withLabels, fromRows }) {
      const rows = await rowsOf({ folder, find, options, withLabels });
      if (!isRows(rows)) throw new Error(`what ${name} returns yields no rows`);
      return fromRows(file, rows);
    },
  });

/** The hash of the text that each file was last loaded with. */
const loaded = new Map<string, string>();

/**
 * What the file exports as it is now. Node would give what it exported when it was first imported, and for CommonJS
 * even at another address. The file keeps its place, so it may import packages and files next to it; those are loaded
 * once per process.
 */
async function load(file: string): Promise<Record<string, unknown>> {
  const hash = sha256(readFileSync(file));
  if (loaded.get(file) !== hash) delete createRequire(import.meta.url).cache[realpathSync(file)];
  loaded.set(file, hash);
  return (await import(`${pathToFileURL(file).href}?sha256=${hash}`)) as Record<string, unknown>;
}

const exported = (file: string, name: string): Promise<SourceKind<SourceOptions>> =>
  attempt(file, async () => {
    const value = (await load(file))[name];
    if (typeof value === 'function') return yielded(file, name, value as RowsFunction);
    if (typeof value === 'object' && value !== null) return defineSource(value as SourceKind<SourceOptions>);
    throw new Error(`it exports no function or source ${name}`);
  });

/** Loads the module and calls it. */
async function ask<T>(
  { module: path, export: name, options = {} }: ModuleConfig,
  { find }: SourceContext,
  act: (kind: SourceKind<SourceOptions>, options: SourceOptions, file: string) => T | Promise<T>,
): Promise<T> {
  const file = find(path);
  const kind = await exported(file, name);
  return attempt(file, () => act(kind, options, file));
}

export const module = defineSource<ModuleConfig>({
  files: async (config, context) => [
    context.find(config.module),
    ...(await ask(config, context, async (kind, options) =>
      checkedResult(fileList, 'files', await kind.files(options, context)),
    )),
  ],
  fileNames: (config, context) =>
    ask(config, context, async (kind, options) =>
      checkedResult(fileList, 'fileNames', (await kind.fileNames?.(options, context)) ?? []),
    ),
  modules: ({ module: path }) => [path],
  isRepeatable: (config, context) =>
    ask(config, context, async (kind, options) =>
      checkedResult(truth, 'isRepeatable', await kind.isRepeatable(options, context)),
    ),
  byName: (path, { name }) => (/\.[cm]?js$/.test(name) ? { module: path } : undefined),
  open: (config, context) =>
    ask(config, context, async (kind, options, file) =>
      checkedSource(await kind.open(options, context), (cause) => failed(file, cause)),
    ),
});
