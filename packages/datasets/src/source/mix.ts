// Several sources of one kind, one after the other.
import { StillhouseError, type PlainSourceConfig, type SourceConfigOf } from '@stillhouse/core';
import type { TensorSet } from '../tensor/tensor-set.js';
import { defineSource, type Source, type SourceKind } from './source.js';

/** @param kindOf finds the kind of each source */
export const mixOf = (
  kindOf: (config: PlainSourceConfig) => SourceKind<PlainSourceConfig>,
): SourceKind<SourceConfigOf<'mix'>> =>
  defineSource<SourceConfigOf<'mix'>>({
    async files({ mix }, context) {
      const files: string[] = [];
      for (const { source } of mix) files.push(...(await kindOf(source).files(source, context)));
      return files;
    },
    async fileNames({ mix }, context) {
      const names: string[] = [];
      for (const { source } of mix) names.push(...((await kindOf(source).fileNames?.(source, context)) ?? []));
      return names;
    },
    modules: ({ mix }) => mix.flatMap(({ source }) => kindOf(source).modules?.(source) ?? []),
    async isRepeatable({ mix }, context) {
      for (const { source } of mix) if (!(await kindOf(source).isRepeatable(source, context))) return false;
      return true;
    },
    async open({ mix }, context) {
      const sources: Source[] = [];
      for (const { source } of mix) sources.push(await kindOf(source).open(source, context));
      const warnings = sources.flatMap((source) => source.warnings ?? []);
      const tables = sources.flatMap((source) => (source.type === 'table' ? [source.table] : []));
      if (tables.length === sources.length)
        return {
          type: 'table',
          warnings,
          mixed: tables.map(({ rowCount }) => rowCount),
          table: await context.tables.union(tables),
        };
      const sets = sources.flatMap((source) => (source.type === 'tensors' ? [source.tensors] : []));
      if (sets.length !== sources.length)
        throw new StillhouseError(
          'DATA_FORMAT',
          'data.large.mix has tables and other sources: its rows are of different types',
        );
      return { type: 'tensors', warnings, mixed: sets.map(({ rowCount }) => rowCount), tensors: chain(sets) };
    },
  });

/** @throws StillhouseError DATA_FORMAT */
function chain(sets: readonly TensorSet[]): TensorSet {
  const [first] = sets;
  const kindOf = (set: TensorSet): string =>
    JSON.stringify([set.inputShape, set.dtype, set.isBytes, set.labelCount, set.classes ?? null]);
  const other = sets.find((set) => kindOf(set) !== kindOf(first));
  if (other)
    throw new StillhouseError(
      'DATA_FORMAT',
      `data.large.mix: ${other.what} has other classes, or rows of another type, than ${first.what}`,
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
