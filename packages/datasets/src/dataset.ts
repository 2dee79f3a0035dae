// From the recipe's data section to a dataset: load, sample, split, encode, cut into blocks.
import { hashName, isClassification, keyedPermutation, StillhouseError, type DatasetManifest, type LossName, type Recipe, type SetManifest, type SetName, type SourceConfig } from '@stillhouse/core';
import { generate } from './generators.js';
import { parseIdx } from './idx.js';
import { readBytes, type DataPlaces } from './locate.js';
import { cutBlocks, type RowSet } from './row-set.js';
import { columnIndex, encodeTable, fitTable, parseTable, targetsOf, type Preprocessing, type Table } from './table.js';

export interface Dataset {
  readonly manifest: DatasetManifest;
  readonly blocks: ReadonlyMap<string, Uint8Array>;
  /** Only for CSV. */
  readonly preprocessing: Preprocessing | undefined;
  readonly warnings: readonly string[];
}

type SourceName = 'large' | 'small' | 'test';
const sourceNames: readonly SourceName[] = ['large', 'small', 'test'];

/** A source before encoding: numbers already, or a table of text. */
interface Loaded {
  readonly what: string;
  readonly rowCount: number;
  readonly inputShape: readonly number[] | undefined;
  readonly scale: number;
  readonly rows: RowSet | undefined;
  readonly table: Table | undefined;
  readonly classOf: (row: number) => string;
}

function loadIdx(config: Extract<SourceConfig, { idx: object }>, places: DataPlaces): Loaded {
  const { images: imagesPath, labels: labelsPath } = config.idx;
  const images = parseIdx(readBytes(imagesPath, places), imagesPath);
  const labels = parseIdx(readBytes(labelsPath, places), labelsPath);
  if (labels.shape.length !== 1) throw new StillhouseError('DATA_FORMAT', `${labelsPath} has ${labels.shape.length} dimensions; labels have one`);
  if (labels.shape[0] !== images.shape[0]) throw new StillhouseError('DATA_FORMAT', `${imagesPath} has ${images.shape[0]} images but ${labelsPath} ${labels.shape[0]} labels`);
  const inner = images.shape.slice(1);
  const rows = { rowCount: labels.shape[0], inputs: images.data, labels: Float32Array.from(labels.data) };
  // Grey images get the channel dimension that convolutions expect.
  const inputShape = inner.length === 2 ? [...inner, 1] : inner.length === 0 ? [1] : inner;
  return { what: imagesPath, rowCount: rows.rowCount, inputShape, scale: 1 / 255, rows, table: undefined, classOf: (row) => String(rows.labels[row]) };
}

function load(config: SourceConfig, recipe: Recipe, places: DataPlaces): Loaded {
  if ('generator' in config) {
    const rows = generate(config);
    return { what: `generator ${config.generator}`, rowCount: rows.rowCount, inputShape: [rows.inputs.length / rows.rowCount], scale: 1, rows, table: undefined, classOf: (row) => String(rows.labels[row]) };
  }
  if ('idx' in config) return loadIdx(config, places);
  const tableConfig = recipe.data.table!;
  const table = parseTable(readBytes(config.csv, places).toString('utf8'), config.csv, tableConfig.delimiter);
  const target = columnIndex(table, targetsOf(tableConfig)[0]);
  return { what: config.csv, rowCount: table.records.length, inputShape: undefined, scale: 1, rows: undefined, table, classOf: (row) => table.records[row][target].trim() };
}

/** Row indices after `take` and `perClass`, in an order drawn by the seed, or as they lie where nothing is drawn. */
function sample(loaded: Loaded, config: SourceConfig, seed: number): number[] {
  if (loaded.rowCount === 0) throw new StillhouseError('DATA_EMPTY', `${loaded.what} has no rows`);
  if (config.take === undefined && config.perClass === undefined) return Array.from({ length: loaded.rowCount }, (_, i) => i);
  const order = keyedPermutation(loaded.rowCount, seed, hashName('sample'));
  const taken = new Map<string, number>();
  const rows: number[] = [];
  for (let i = 0; i < loaded.rowCount; i++) {
    const row = order.at(i);
    const label = loaded.classOf(row);
    const count = taken.get(label) ?? 0;
    if (config.perClass !== undefined && count >= config.perClass) continue;
    if (config.take !== undefined && rows.length >= config.take) break;
    taken.set(label, count + 1);
    rows.push(row);
  }
  const short = config.perClass === undefined || config.take !== undefined ? undefined : [...taken].find(([, count]) => count < config.perClass!);
  if (short) throw new StillhouseError('DATA_LABEL', `${loaded.what}: class ${short[0]} has ${short[1]} rows, fewer than perClass: ${config.perClass}`, { next: 'Lower perClass, or use a larger file.' });
  if (config.take !== undefined && rows.length < config.take) throw new StillhouseError('DATA_EMPTY', `${loaded.what} has ${rows.length} rows to take, fewer than take: ${config.take}`, { next: 'Lower take, or use a larger file.' });
  return rows;
}

/** Splits rows into training and held-out part; the latter has round(share · n) rows, at least one if the share is not 0. */
function split(rows: readonly number[], share: number, seed: number, what: string): { training: number[]; validation: number[] } {
  if (share === 0) return { training: [...rows], validation: [] };
  const held = Math.max(1, Math.round(rows.length * share));
  if (held >= rows.length) throw new StillhouseError('DATA_EMPTY', `${what}: a validation share of ${share} leaves none of ${rows.length} rows for training`);
  const order = keyedPermutation(rows.length, seed, hashName('validation'));
  const isHeld = new Set(Array.from({ length: held }, (_, i) => order.at(i)));
  return { training: rows.filter((_, i) => !isHeld.has(i)), validation: rows.filter((_, i) => isHeld.has(i)) };
}

function gather(rows: RowSet, indices: readonly number[]): RowSet {
  const width = rows.inputs.length / rows.rowCount;
  const labelCount = rows.labels.length / rows.rowCount;
  const inputs = rows.inputs instanceof Uint8Array ? new Uint8Array(indices.length * width) : new Float32Array(indices.length * width);
  const labels = new Float32Array(indices.length * labelCount);
  indices.forEach((row, i) => {
    inputs.set(rows.inputs.subarray(row * width, (row + 1) * width), i * width);
    labels.set(rows.labels.subarray(row * labelCount, (row + 1) * labelCount), i * labelCount);
  });
  return { rowCount: indices.length, inputs, labels };
}

/** Checks labels against the loss. `classCount` is undefined for regression. */
function checkLabels(rows: RowSet, loss: LossName, classCount: number | undefined, what: string): void {
  if (loss !== 'softmaxCrossEntropy' && loss !== 'binaryCrossEntropy') return;
  const limit = classCount ?? 2;
  rows.labels.forEach((label, i) => {
    if (!Number.isInteger(label) || label < 0 || label >= limit) {
      throw new StillhouseError('DATA_LABEL', `${what}: label ${label} of row ${i} is not a class from 0 to ${limit - 1}, as ${loss} needs`);
    }
  });
}

/** @throws StillhouseError with a DATA_ code that names file, row and column */
export function loadDataset(recipe: Recipe, places: DataPlaces): Dataset {
  const unused = recipe.data.small && !recipe.student ? ['data.small is not used: the recipe has no student'] : [];
  const configs = sourceNames.flatMap((name) => (recipe.data[name] && (name !== 'small' || recipe.student) ? [[name, recipe.data[name]] as const] : []));
  // One file may serve several sets: it is read once.
  const cache = new Map<string, Loaded>();
  const loaded = new Map<SourceName, Loaded>();
  for (const [name, config] of configs) {
    const key = JSON.stringify({ ...config, take: undefined, perClass: undefined });
    if (!cache.has(key)) cache.set(key, load(config, recipe, places));
    loaded.set(name, cache.get(key)!);
  }
  const parts = new Map<SetName, { from: Loaded; indices: number[] }>();
  for (const [name, config] of configs) {
    const from = loaded.get(name)!;
    const rows = sample(from, config, recipe.seed);
    const share = name === 'large' ? recipe.teacher.validation : name === 'small' ? recipe.student!.validation : 0;
    const { training, validation } = split(rows, share, recipe.seed, from.what);
    parts.set(name, { from, indices: training });
    if (validation.length) parts.set(name === 'large' ? 'largeValidation' : 'smallValidation', { from, indices: validation });
  }
  const dataset = assemble(recipe, loaded.get('large')!, parts);
  return { ...dataset, warnings: [...unused, ...dataset.warnings] };
}

function assemble(recipe: Recipe, large: Loaded, parts: ReadonlyMap<SetName, { from: Loaded; indices: number[] }>): Dataset {
  const { loss } = recipe;
  const warnings: string[] = [];
  const trainingIndices = parts.get('large')!.indices;
  const preprocessing = large.table && fitTable(large.table, trainingIndices, recipe.data.table!, loss);
  const encoded = new Map<SetName, RowSet>();
  for (const [name, { from, indices }] of parts) {
    if (Boolean(from.table) !== Boolean(large.table) || from.inputShape?.join() !== large.inputShape?.join() || from.scale !== large.scale) {
      throw new StillhouseError('DATA_FORMAT', `data.${name} (${from.what}) has rows of another kind than data.large (${large.what})`);
    }
    if (!from.table) {
      encoded.set(name, gather(from.rows!, indices));
      continue;
    }
    const table = encodeTable(from.table, indices, preprocessing!);
    if (table.rows.rowCount === 0) throw new StillhouseError('DATA_EMPTY', `data.${name} (${from.what}) has no usable rows`);
    encoded.set(name, table.rows);
    warnings.push(...table.warnings);
  }
  const training = encoded.get('large')!;
  const inputShape = large.inputShape ?? [training.inputs.length / training.rowCount];
  const classCount = loss === 'softmaxCrossEntropy' ? (preprocessing?.classes?.length ?? training.labels.reduce((max, label) => Math.max(max, label), 0) + 1) : undefined;
  for (const [name, rows] of encoded) checkLabels(rows, loss, classCount, `data.${name} (${parts.get(name)!.from.what})`);
  const labelCount = training.labels.length / training.rowCount;
  const blocks = new Map<string, Uint8Array>();
  const sets = Object.fromEntries([...encoded].map(([name, rows]) => [name, cutBlocks(rows, { inputShape, labelCount }, blocks)])) as Partial<Record<SetName, SetManifest>>;
  const manifest: DatasetManifest = { inputShape, dtype: training.inputs instanceof Uint8Array ? 'U8' : 'F32', scale: large.scale, outputs: classCount ?? labelCount, labelCount, targets: preprocessing && !isClassification(loss) ? preprocessing.targets.map(({ mean, deviation }) => ({ mean, deviation })) : [], sets };
  return { manifest, blocks, preprocessing, warnings };
}
