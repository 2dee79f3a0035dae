// The test set of a trained model, read by the preprocessing that is stored with it: its training rows are not needed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  nextForCell,
  StillhouseError,
  type DatasetManifest,
  type ModelMetadata,
  type Recipe,
  type SourceConfig,
} from '@stillhouse/core';
import { lossOf, targetCount, type LossFacts } from '@stillhouse/core/training';
import { BlockFolder } from '../block/block-folder.js';
import { identify, type FileIdentity } from '../file/identity.js';
import type { DataPlaces } from '../file/places.js';
import { contentOf, type Source, type SourceContext } from '../source/source.js';
import { openContext, openSource, sourceContext, sourceKind } from '../source/sources.js';
import { TableReader } from '../table/duckdb.js';
import { targetsOf } from '../table/table-targets.js';
import { openSet } from './opened-set.js';
import type { FittedRows } from './prepared-folder.js';
import { SetWriter } from './set-writer.js';
import { blockShapeOf, manifestOf } from './shape.js';
import { unlikeColumns } from './unlike-sets.js';
import { writeSets } from './write-sets.js';

export interface TestSet {
  /** Has only the set test. */
  readonly manifest: DatasetManifest;
  readonly blocks: BlockFolder;
  /** Columns that are missing, categories that are unknown, rows that were dropped. */
  readonly warnings: readonly string[];
  /** The files that it was read from. */
  readonly files: readonly FileIdentity[];
  /** Removes the blocks. */
  readonly dispose: () => void;
}

/** @throws StillhouseError DATA_FORMAT if rows have another number of labels than the model's training rows had */
function refuseLabelCount(source: Source, outputs: number, loss: LossFacts): void {
  const wanted = loss.labels === 'class' ? 1 : targetCount(loss, outputs);
  if (source.type === 'table' || source.tensors.labelCount === wanted) return;
  const { what, labelCount } = source.tensors;
  throw new StillhouseError(
    'DATA_FORMAT',
    `${what} has ${labelCount} numbers per label, but the model was trained with ${wanted}`,
  );
}

function fittedOf(
  { columns, classes, inputShape, outputs, targets }: ModelMetadata,
  source: Source,
  { data, loss }: Recipe,
): FittedRows {
  const [column] = columns;
  const size = (shape: readonly number[]): number => shape.reduce((product, each) => product * each, 1);
  if (
    (column.type === 'tensor') !== (source.type === 'tensors') ||
    (source.type === 'tensors' && size(source.tensors.inputShape) !== size(inputShape))
  )
    throw new StillhouseError(
      'DATA_FORMAT',
      `${contentOf(source).what} has other rows than the model takes: ` +
        `${column.type === 'tensor' ? `rows of shape [${inputShape.join(', ')}]` : 'rows of a table'}`,
    );
  if (column.type === 'tensor') {
    const { factors, offsets } = column;
    refuseLabelCount(source, outputs, lossOf(loss));
    const classCount = lossOf(loss).labels === 'class' ? outputs : null;
    const scales = targets.length > 0 ? { targets } : {};
    return { preprocessing: null, tensors: { factors, offsets, classCount, classes, ...scales } };
  }
  const names = targetsOf(data.table!);
  return {
    preprocessing: {
      columns,
      targets: names.map((name, i) => ({ ...(targets[i] ?? { mean: 0, deviation: 1 }), name })),
      classes: classes ?? undefined,
    },
    tensors: null,
  };
}

async function filesOf(config: SourceConfig, context: SourceContext): Promise<FileIdentity[]> {
  const found: FileIdentity[] = [];
  for (const path of await sourceKind(config).files(config, context)) found.push(await identify(path));
  return found;
}

/**
 * Reads data.test of a recipe for a model.
 * @param recipe whose data.test is given
 * @throws StillhouseError DATA_…
 */
export async function readTestSet(recipe: Recipe, metadata: ModelMetadata, places: DataPlaces): Promise<TestSet> {
  const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
  const dispose = (): void => rmSync(scratch, { recursive: true, force: true });
  const tables = new TableReader(places.recipeFolder, scratch);
  try {
    const { data, loss: config, seed } = recipe;
    const loss = lossOf(config);
    const context = sourceContext(places, tables);
    const files = await filesOf(data.test!, context);
    const source = await openSource(data.test!, openContext(context, recipe, true));
    const opened = await openSet({ name: 'test', config: data.test!, source }, recipe, seed);
    const fitted = fittedOf(metadata, source, recipe);
    const absent =
      source.type === 'table'
        ? unlikeColumns('test', { table: source.table, large: source.table }, fitted.preprocessing!, data)
        : [];
    const shape = blockShapeOf(loss, source, fitted);
    const blocks = new BlockFolder(join(scratch, 'blocks'));
    const none = { known: [], has: () => false };
    const { sets, warnings } = await writeSets(opened, {
      recipe,
      fitted,
      shape,
      writerFor: () => new SetWriter(shape, none, (hash, bytes) => blocks.write(hash, bytes)),
      onProgress: () => {},
    });
    const manifest = manifestOf(loss, source, { ...fitted, student: null }, sets);
    return { manifest, blocks, warnings: [...absent, ...warnings], files, dispose };
  } catch (error) {
    dispose();
    if (error instanceof StillhouseError && error.code === 'DATA_CELL')
      throw new StillhouseError('DATA_CELL', error.message, { cause: error, next: nextForCell });
    throw error;
  } finally {
    tables.close();
  }
}
