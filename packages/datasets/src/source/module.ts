// A source that a user's module exports: defined by defineSource, or a function that yields rows.
import { pathToFileURL } from 'node:url';
import { messageOf, StillhouseError, type SourceConfigOf } from '@stillhouse/core';
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

/** @throws StillhouseError DATA_MODULE with the module's path, whatever the module throws */
async function attempt<T>(file: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError('DATA_MODULE', `${file}: ${messageOf(cause)}`, { cause });
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

const exported = (file: string, name: string): Promise<SourceKind<SourceOptions>> =>
  attempt(file, async () => {
    const value = ((await import(pathToFileURL(file).href)) as Record<string, unknown>)[name];
    if (typeof value === 'function') return yielded(file, name, value as RowsFunction);
    if (typeof value === 'object' && value !== null) return defineSource(value as SourceKind<SourceOptions>);
    throw new Error(`it exports no function or source ${name}`);
  });

/** Loads the module and calls it. */
async function ask<T>(
  { module: path, export: name, options = {} }: ModuleConfig,
  { find }: SourceContext,
  act: (kind: SourceKind<SourceOptions>, options: SourceOptions) => T | Promise<T>,
): Promise<T> {
  const file = find(path);
  const kind = await exported(file, name);
  return attempt(file, () => act(kind, options));
}

export const module = defineSource<ModuleConfig>({
  files: async (config, context) => [
    context.find(config.module),
    ...(await ask(config, context, (kind, options) => kind.files(options, context))),
  ],
  fileNames: (config, context) => ask(config, context, (kind, options) => kind.fileNames?.(options, context) ?? []),
  modules: ({ module: path }) => [path],
  isRepeatable: (config, context) => ask(config, context, (kind, options) => kind.isRepeatable(options, context)),
  byName: (path, { name }) => (/\.[cm]?js$/.test(name) ? { module: path } : undefined),
  open: (config, context) => ask(config, context, (kind, options) => kind.open(options, context)),
});
