// Every kind of source that a recipe can name, by the key that shows its kind; packages/datasets has a reader for each.
import { z } from 'zod';
import { positive } from '../fields.js';
import { csv } from './csv.js';
import { sampling, type SourceDefinition } from './definition.js';
import { generator } from './generator.js';
import { idx } from './idx.js';
import { images } from './images.js';
import { jsonl } from './jsonl.js';
import { module } from './module.js';
import { npy } from './npy.js';
import { npz } from './npz.js';
import { parquet } from './parquet.js';
import { sql } from './sql.js';
import { tfrecord } from './tfrecord.js';

const definitions = { generator, csv, parquet, jsonl, sql, npy, npz, images, tfrecord, module, idx };

const plainSource = z.union([
  ...generator.schemas,
  ...csv.schemas,
  ...parquet.schemas,
  ...jsonl.schemas,
  ...sql.schemas,
  ...npy.schemas,
  ...npz.schemas,
  ...images.schemas,
  ...tfrecord.schemas,
  ...module.schemas,
  ...idx.schemas,
]);

const mix = z
  .strictObject({
    mix: z
      .array(
        z.strictObject({
          source: plainSource,
          share: positive.describe('Share of an epoch’s rows; shares need not sum to 1.'),
        }),
      )
      .min(2)
      .max(100),
    ...sampling,
  })
  .describe('Several sources of one kind, drawn from in proportion.');

export const source = z.union([plainSource, mix]);

export type PlainSourceConfig = z.output<typeof plainSource>;
export type SourceConfig = z.output<typeof source>;
/** A source as a user writes it: defaults left out. */
export type SourceInput = z.input<typeof source>;
export type SourceKey = keyof typeof definitions | 'mix';
/** The config of one kind of source. */
export type SourceConfigOf<Key extends SourceKey> = Extract<SourceConfig, Readonly<Record<Key, unknown>>>;

/** Every kind of source. */
export const sourceKeys: readonly SourceKey[] = ['mix', ...(Object.keys(definitions) as (keyof typeof definitions)[])];

/** The kind of source of a config. */
export const sourceKeyOf = (config: SourceConfig | SourceInput): SourceKey => sourceKeys.find((key) => key in config)!;

export const isMix = (config: SourceConfig): config is SourceConfigOf<'mix'> => 'mix' in config;

const definitionOf = (config: SourceConfig | SourceInput): SourceDefinition<PlainSourceConfig> | undefined => {
  const key = sourceKeyOf(config);
  return key === 'mix' ? undefined : definitions[key];
};

/** Whether rows, or some of a mix, are cells of columns. */
export const hasTable = (config: SourceConfig | SourceInput): boolean =>
  'mix' in config ? config.mix.some(({ source: each }) => hasTable(each)) : definitionOf(config)!.isTable;

/** The sources that a config consists of, each with its path in the config. */
export const plainSourcesOf = (
  config: SourceConfig,
): { readonly path: string; readonly source: PlainSourceConfig }[] =>
  isMix(config)
    ? config.mix.map(({ source: each }, i) => ({ path: `.mix[${i}].source`, source: each }))
    : [{ path: '', source: config }];

/** Paths of labels that a config lacks, and that only data.pool may lack. */
export const missingLabelsOf = (config: SourceConfig): string[] =>
  plainSourcesOf(config).flatMap(({ path, source: each }) => {
    const missing = definitionOf(each)?.missingLabels?.(each);
    return missing === undefined ? [] : [`${path}.${missing}`];
  });
