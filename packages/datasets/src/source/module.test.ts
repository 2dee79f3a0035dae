// Sources of modules: a module that was changed, and faulty ones.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TableReader } from '../table/duckdb.js';
import type { TensorSet } from '../tensor/tensor-set.js';
import { module } from './module.js';
import type { OpenContext } from './source.js';
import { openContext, sourceContext } from './sources.js';

let folder: string;
let tables: TableReader;
let context: OpenContext;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-module-'));
  tables = new TableReader(folder, folder);
  const places = { recipeFolder: folder, dataFolders: [] };
  context = openContext(sourceContext(places, tables), { loss: 'mse', data: {} }, true);
});
afterAll(() => {
  tables.close();
  rmSync(folder, { recursive: true, force: true });
});

const configOf = (path: string) => ({ module: path, export: 'default' });
function write(path: string, text: string): ReturnType<typeof configOf> {
  writeFileSync(join(folder, path), text);
  return configOf(path);
}

async function tensorsOf(path: string, text: string): Promise<TensorSet> {
  const source = await module.open(write(path, text), context);
  if (source.type !== 'tensors') throw new Error('tensors are expected');
  return source.tensors;
}

async function rowsOf(set: TensorSet): Promise<number[]> {
  const rows: number[] = [];
  for await (const { cells } of set.chunks()) rows.push(...cells[0]);
  return rows;
}

test.each([
  ['own.mjs', 'export default'],
  ['own.cjs', 'module.exports ='],
])('%s runs as it is written now, however often it is changed', async (path, exports) => {
  writeFileSync(join(folder, 'next-to-it.mjs'), 'export const one = 1;');
  const text = (factor: number): string =>
    `${path.endsWith('.mjs') ? "import { one } from './next-to-it.mjs';" : 'const one = 1;'}` +
    `${exports} () => [{ x: [${factor} * one], y: 1 }];`;
  for (const factor of [1, 5, 1, 2]) expect(await rowsOf(await tensorsOf(path, text(factor)))).toEqual([factor]);
});

const faulty = (parts: string): string =>
  `export default { files: () => [], isRepeatable: () => true, open: () => undefined, ${parts} };`;
const set = (parts: string): string =>
  faulty(
    "open: () => ({ type: 'tensors', tensors: { what: 'own', rowCount: 2, inputShape: [2], dtype: 'F32', " +
      'labelCount: 1, async *chunks() { yield { rowCount: 2, cells: [new Float32Array(4), new Float32Array(2)] }; }, ' +
      `${parts} } })`,
  );
const refusal = (message: string): unknown =>
  expect.objectContaining({ code: 'DATA_MODULE', message: `${join(folder, 'faulty.mjs')}: ${message}` });

test.each([
  [faulty(''), 'what open returns is wrong: Neither a table nor tensors'],
  [faulty('open: () => ({})'), 'what open returns is wrong: type: Neither a table nor tensors'],
  [
    faulty("open: () => ({ type: 'tensors', tensors: {} })"),
    'what open returns is wrong: tensors.what: Invalid input: expected string, received undefined',
  ],
  [
    faulty("open: () => ({ type: 'table', table: {} })"),
    'what open returns is wrong: table: Not a table of context.tables',
  ],
  [set('rowCount: 2.5'), 'what open returns is wrong: tensors.rowCount: Invalid input: expected int, received number'],
])('a source that open does not return is refused: %s', async (text, message) => {
  await expect(module.open(write('faulty.mjs', text), context)).rejects.toThrow(refusal(message));
});

const chunk = (text: string): string => `async *chunks() { yield ${text}; }`;

test.each([
  ["chunks() { throw new Error('boom'); }", 'boom'],
  ['rowCount: 50', 'it announces 50 rows, but has 2'],
  ['rowCount: 1', 'it announces 1 rows, but has more'],
  [chunk('undefined'), 'a chunk lacks rowCount, a number of rows, or cells, [inputs, labels]'],
  [
    chunk('{ rowCount: 2, cells: [[1, 2, 3, 4], new Float32Array(2)] }'),
    'the inputs of a chunk are no Float32Array, or',
  ],
  [
    chunk('{ rowCount: 2, cells: [new Float32Array(3), new Float32Array(2)] }'),
    'a chunk of 2 rows has 3 inputs and 2 labels, not 4 and 2',
  ],
])('rows that are not those which the source announces are refused: %s', async (parts, message) => {
  expect(await rowsOf(await tensorsOf('good.mjs', set('')))).toEqual([0, 0, 0, 0]);
  const tensors = await tensorsOf('faulty.mjs', set(parts));
  await expect(rowsOf(tensors)).rejects.toThrow(
    expect.objectContaining({ code: 'DATA_MODULE', message: expect.stringContaining(`faulty.mjs: ${message}`) }),
  );
});

test('so are lists of files and an answer that are none', async () => {
  const config = write('faulty.mjs', faulty("files: () => 3, fileNames: () => [1], isRepeatable: () => 'yes'"));
  const wrong = 'is wrong: ';
  await expect(module.files(config, context)).rejects.toThrow(
    refusal(`what files returns ${wrong}Invalid input: expected array, received number`),
  );
  await expect(module.fileNames!(config, context)).rejects.toThrow(
    refusal(`what fileNames returns ${wrong}0: Invalid input: expected string, received number`),
  );
  await expect(module.isRepeatable(config, context)).rejects.toThrow(
    refusal(`what isRepeatable returns ${wrong}Invalid input: expected boolean, received string`),
  );
});
