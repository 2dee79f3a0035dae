// Small files, prepared and read back.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { parseRecipe, type RecipeInput, type SetName } from '@stillhouse/core';
import type { LossName } from '@stillhouse/core/training';
import { BlockReader } from '../block/block-reader.js';
import type { Batch } from '../block/blocks.js';
import { prepareDataset, type Dataset } from './prepare.js';

export const folder = mkdtempSync(join(tmpdir(), 'stillhouse-data-'));

/** Each test file calls it: the files of a package share a process, and this folder. */
export function useFolder(): void {
  beforeAll(() => mkdirSync(folder, { recursive: true }));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
}

let files = 0;
export function write(content: string | Uint8Array, ending: string): string {
  const path = join(folder, `f${files++}${ending}`);
  writeFileSync(path, content);
  return path;
}

export function idx(shape: number[], data: number[] | Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([header, Uint8Array.from(data)]);
}

export type Data = RecipeInput['data'];

export async function load(
  data: Data,
  options: { loss?: LossName; validation?: number; seed?: number; isPoolUsed?: boolean } = {},
): Promise<Dataset> {
  const model = { layers: [{ dense: 1 }] };
  const recipe = parseRecipe({
    data,
    loss: options.loss ?? 'mse',
    seed: options.seed ?? 3,
    teacher: { model, validation: options.validation ?? 0 },
    ...(data.small ? { student: { model } } : {}),
    ...(options.isPoolUsed ? { distill: { transfer: [{ from: 'pool' }] } } : {}),
  });
  return prepareDataset(recipe, { recipeFolder: folder, dataFolders: [folder] }, { folder: join(folder, 'prepared') });
}

export async function rowsOf({ manifest, blocks }: Dataset, set: SetName): Promise<Batch> {
  const entry = manifest.sets[set]!;
  return new BlockReader(manifest, async (hash) => (await blocks.read(hash))!).read(
    entry,
    Array.from({ length: entry.rowCount }, (_, i) => i),
  );
}

export const csv = (text: string): { csv: string } => ({ csv: write(text, '.csv') });
export const table = (text: string, extra: object = {}): Data => ({
  large: csv(text),
  test: csv(text),
  table: { target: 'y', ...extra },
});
export const failure = async (work: () => Promise<unknown>): Promise<{ code: string; message: string }> => {
  try {
    await work();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('nothing was refused');
};
