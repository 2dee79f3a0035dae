// What every kind of source must do: the built-in ones and those of third parties.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TableConfig } from '@stillhouse/core';
import type { LossConfig } from '@stillhouse/core/training';
import {
  contentOf,
  openContext,
  sourceContext,
  TableReader,
  type Chunk,
  type OpenContext,
  type Source,
  type SourceKind,
} from '@stillhouse/datasets';
import { contractOf, type ContractTest, type Make } from './contract-test.js';

/** A source to be tested. */
export interface SourceSubject<Config> {
  readonly kind: SourceKind<Config>;
  /** Config of a source with at least two rows. */
  readonly config: Config;
  /** Folder of the recipe. */
  readonly folder: string;
  /** If rows are cells of columns: the recipe's data.table. */
  readonly table?: TableConfig;
  /** The loss; mse by default. */
  readonly loss?: LossConfig;
  close?(): Promise<void>;
}

/** A subject whose functions have their config and context, with a folder for what they write. */
interface Bound {
  readonly files: () => Promise<readonly string[]>;
  readonly isRepeatable: () => Promise<boolean>;
  readonly open: (withLabels?: boolean) => Promise<Source>;
  close(): Promise<void>;
}

function bind<Config>(subject: SourceSubject<Config>): Bound {
  const { kind, config, folder, table, loss = 'mse' } = subject;
  const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-contract-'));
  const tables = new TableReader(folder, scratch);
  const context = (withLabels: boolean): OpenContext =>
    openContext(
      sourceContext({ recipeFolder: folder, dataFolders: [folder] }, tables),
      { loss, data: { table } },
      withLabels,
    );
  return {
    files: async () => kind.files(config, context(true)),
    isRepeatable: async () => kind.isRepeatable(config, context(true)),
    open: async (withLabels = true) => kind.open(config, context(withLabels)),
    async close() {
      tables.close();
      rmSync(scratch, { recursive: true, force: true });
      await subject.close?.();
    },
  };
}

const tests: Readonly<Record<string, (subject: Bound) => Promise<void>>> = {
  async 'the files that it names exist, and are the same when they are requested again'({ files }) {
    const named = await files();
    for (const file of named) assert.ok(existsSync(file), `${file} does not exist`);
    assert.deepEqual(await files(), named);
  },

  async 'it has as many rows as it announces'({ open }) {
    const source = await open();
    assert.ok(contentOf(source).rowCount > 1, 'the source has fewer than two rows');
    assert.equal((await read(source)).rowCount, contentOf(source).rowCount);
    assert.notEqual(contentOf(source).what, '', 'the source has no name for errors');
  },

  async 'its rows are the same, in the same order, each time that they are read'({ open }) {
    const source = await open();
    assert.deepEqual(await read(source), await read(source));
  },

  async 'a reading that stops early leaves the source as it was'({ open }) {
    const source = await open();
    const once = await read(source);
    for await (const chunk of chunksOf(source)) if (chunk.rowCount > 0) break;
    assert.deepEqual(await read(source), once);
  },

  async 'two readings at the same time give the same rows as one'({ open }) {
    const source = await open();
    const once = await read(source);
    assert.deepEqual(await Promise.all([read(source), read(source)]), [once, once]);
  },

  async 'if it calls itself repeatable, its rows are the same whenever it is opened'({ isRepeatable, open }) {
    if (await isRepeatable()) assert.deepEqual(await read(await open()), await read(await open()));
  },

  async 'tensors are of the shape and type that it announces, and labels are of its classes'({ open }) {
    const source = await open();
    if (source.type === 'tensors') await checkTensors(source);
  },

  async 'without labels it gives the same inputs'({ open }) {
    const [labelled, unlabelled] = [await open(true), await open(false)];
    assert.equal(unlabelled.type, labelled.type);
    assert.deepEqual(await readInputs(unlabelled), await readInputs(labelled));
  },
};

/** @param make a source with two rows or more, anew for each test */
export const sourceContract = <Config>(make: Make<SourceSubject<Config>>): ContractTest[] =>
  contractOf(async () => bind(await make()), tests);

const chunksOf = (source: Source): AsyncIterable<Chunk> =>
  source.type === 'tensors'
    ? source.tensors.chunks()
    : source.table.chunks(source.table.columns.map(({ name }) => ({ column: name, as: 'text' as const })));

interface Reading {
  readonly rowCount: number;
  readonly digest: string;
}

async function digestOf(source: Source, cellsOf: (chunk: Chunk) => readonly unknown[]): Promise<Reading> {
  const hash = createHash('sha256');
  let rowCount = 0;
  for await (const chunk of chunksOf(source)) {
    rowCount += chunk.rowCount;
    // Row by row, because the same rows may come in different chunks.
    for (let i = 0; i < chunk.rowCount; i++)
      hash.update(JSON.stringify(cellsOf(chunk).map((cells) => rowAt(cells, i, chunk))));
  }
  return { rowCount, digest: hash.digest('hex') };
}

const rowAt = (cells: unknown, i: number, { rowCount }: Chunk): unknown[] => {
  const all = cells as ArrayLike<unknown>;
  const width = all.length / rowCount;
  return Array.from({ length: width }, (_, k) => all[i * width + k]);
};

const read = (source: Source): Promise<Reading> => digestOf(source, ({ cells }) => cells);

/** The recipe says which columns are labels. */
const readInputs = (source: Source): Promise<Reading> =>
  digestOf(source, ({ cells }) => (source.type === 'tensors' ? cells.slice(0, 1) : cells));

async function checkTensors({ tensors }: Extract<Source, { type: 'tensors' }>): Promise<void> {
  const { inputShape, labelCount, classes, isBytes } = tensors;
  assert.ok(inputShape.length > 0 && inputShape.every((size) => Number.isInteger(size) && size > 0), 'inputShape');
  const size = inputShape.reduce((product, each) => product * each, 1);
  for await (const {
    rowCount,
    cells: [inputs, labels],
  } of tensors.chunks()) {
    assert.equal(inputs.length, rowCount * size, 'numbers of inputs');
    assert.equal(labels.length, rowCount * labelCount, 'numbers of labels');
    if (isBytes)
      assert.ok(
        Array.from(inputs).every((value) => value >= 0 && value <= 255),
        'bytes of an image',
      );
    if (classes)
      assert.ok(
        Array.from(labels).every((label) => classes[label] !== undefined),
        'a label is not one of the classes',
      );
  }
}
