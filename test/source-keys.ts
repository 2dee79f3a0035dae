// Every kind of source that a recipe can name.
import type { SourceKey } from '@stillhouse/core';

/** Typed so that none is left out. */
const keys: Readonly<Record<SourceKey, true>> = {
  generator: true,
  csv: true,
  parquet: true,
  jsonl: true,
  sql: true,
  npy: true,
  npz: true,
  images: true,
  tfrecord: true,
  module: true,
  idx: true,
  mix: true,
};

export const sourceKeys: readonly string[] = Object.keys(keys);
