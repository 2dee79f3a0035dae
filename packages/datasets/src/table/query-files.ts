// The files that a query reads, from the syntax tree that DuckDB's own parser gives (json_serialize_sql), and the query
// with their full paths.
import { resolve } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import { z } from 'zod';
import { quoted } from './sql-text.js';
import { badQuery } from './bad-query.js';

const tree = z.object({
  error: z.boolean(),
  error_type: z.string().optional(),
  error_message: z.string().optional(),
  statements: z.array(z.unknown()).optional(),
});
const baseTable = z.object({ type: z.literal('BASE_TABLE'), table_name: z.string(), query_location: z.number() });
const tableFunction = z.object({
  type: z.literal('TABLE_FUNCTION'),
  function: z.object({
    function_name: z.string(),
    query_location: z.number(),
    children: z.array(z.looseObject({ type: z.string() })),
  }),
});
const option = z.object({ left: z.object({ column_names: z.array(z.string()) }) });
const text = z.object({
  class: z.literal('CONSTANT'),
  query_location: z.number(),
  value: z.object({ type: z.object({ id: z.literal('VARCHAR') }), value: z.string() }),
});

interface Found {
  readonly path: string;
  /** Byte of the query at which it is named. */
  readonly at: number;
  /** Whether the path stands for a table by itself. */
  readonly isTable: boolean;
}

const nodesIn = (node: unknown): unknown[] =>
  typeof node === 'object' && node !== null ? [node, ...Object.values(node).flatMap(nodesIn)] : [];

/** Names of tables may be files; arguments of table functions are files or patterns. */
function filesAt(node: unknown): Found[] {
  const table = baseTable.safeParse(node);
  if (table.success) return [{ path: table.data.table_name, at: table.data.query_location, isTable: true }];
  const called = tableFunction.safeParse(node);
  if (!called.success) return [];
  // Options, such as header = true, are comparisons.
  const places = called.data.function.children.filter(({ type }) => type !== 'COMPARE_EQUAL');
  return places.flatMap(nodesIn).flatMap((argument) => {
    const constant = text.safeParse(argument);
    return constant.success
      ? [{ path: constant.data.value.value, at: constant.data.query_location, isTable: false }]
      : [];
  });
}

/** Bytes of the query at which it calls a reader of files without saying whether folders' names are columns. */
function withoutHiveOption(node: unknown): number[] {
  const called = tableFunction.safeParse(node);
  if (!called.success) return [];
  const { function_name: name, query_location: at, children } = called.data.function;
  if (!/^(read_(csv|parquet|json|ndjson)|parquet_scan)/.test(name.toLowerCase())) return [];
  const options = children.flatMap((child) => option.safeParse(child).data?.left.column_names ?? []);
  return options.some((each) => each.toLowerCase() === 'hive_partitioning') ? [] : [at];
}

/** Functions that look like a reader of a table, and change DuckDB, print, or run statements that are in a text. */
const doing = /^(enable|disable)_|checkpoint$|^truncate_|^json_execute_serialized_sql$|^query(_table)?$/;

/** @throws StillhouseError DATA_FORMAT */
function refuseDoing(nodes: readonly unknown[]): void {
  for (const node of nodes) {
    const name = tableFunction.safeParse(node).data?.function.function_name.toLowerCase();
    if (name !== undefined && doing.test(name))
      throw new StillhouseError('DATA_FORMAT', `data.sql calls ${name}, which does more than read rows`, {
        next: 'Give one query; it may read files, and can change nothing.',
      });
  }
}

/** @throws StillhouseError DATA_FORMAT */
function nodesOf(serialized: string): unknown[] {
  const parsed: unknown = JSON.parse(serialized);
  const { error, error_message: message, statements = [] } = tree.parse(parsed);
  if (error) throw badQuery(new Error(message));
  if (statements.length !== 1)
    throw new StillhouseError('DATA_FORMAT', `data.sql has ${statements.length} statements`, {
      next: 'Give one SELECT statement.',
    });
  const nodes = nodesIn(parsed);
  refuseDoing(nodes);
  return nodes;
}

/**
 * Paths and patterns in the order in which the query names them.
 * @param serialized what json_serialize_sql gives
 * @throws StillhouseError DATA_FORMAT
 */
export const filesInSyntaxTree = (serialized: string): string[] =>
  nodesOf(serialized)
    .flatMap(filesAt)
    .sort((a, b) => a.at - b.at)
    .map(({ path }) => path);

const readers: readonly (readonly [endings: RegExp, reader: string])[] = [
  [/\.(csv|tsv)(\.gz)?$/i, 'read_csv'],
  [/\.parquet$/i, 'read_parquet'],
  [/\.(json|jsonl|ndjson)(\.gz)?$/i, 'read_json'],
];
const noHive = 'hive_partitioning = false';

/** A file as a table whose columns do not depend on the names of its folders. */
function tableOf(path: string): string {
  const reader = readers.find(([endings]) => endings.test(path))?.[1];
  return reader ? `${reader}(${quoted(path)}, ${noHive})` : quoted(path);
}

/** A quoted text or name at the beginning. */
const quotedToken = /^('(?:[^']|'')*'|"(?:[^"]|"")*")/;

const inCall = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|[()]/g;

/** Position of the parenthesis that closes the first call; undefined if there is none. */
function endOfCall(text: string): number | undefined {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(inCall)) {
    if (token === '(') depth += 1;
    if (token === ')' && --depth === 0) return index;
  }
  return undefined;
}

/**
 * The query with full paths, and without columns from the names of folders, unless it asks for them.
 * @param serialized what json_serialize_sql gives
 * @param folder folder that paths are relative to
 * @throws StillhouseError DATA_FORMAT
 */
export function withFullPaths(sql: string, serialized: string, folder: string): string {
  const nodes = nodesOf(serialized);
  const bytes = Buffer.from(sql);
  const changes: { at: number; length: number; text: string }[] = [];
  for (const { path, at, isTable } of nodes.flatMap(filesAt)) {
    const [token] = quotedToken.exec(bytes.subarray(at).toString()) ?? [];
    // A name without any of these is one of a table of the query itself, or an argument that is no path.
    if (token === undefined || !/[./*]/.test(path) || /^[a-z][a-z\d+]+:/i.test(path)) continue;
    const full = resolve(folder, path);
    changes.push({ at, length: Buffer.byteLength(token), text: isTable ? tableOf(full) : quoted(full) });
  }
  for (const at of nodes.flatMap(withoutHiveOption)) {
    const rest = bytes.subarray(at).toString();
    const end = endOfCall(rest);
    if (end !== undefined)
      changes.push({ at: at + Buffer.byteLength(rest.slice(0, end)), length: 0, text: `, ${noHive}` });
  }
  let from = 0;
  const parts = changes
    .sort((a, b) => a.at - b.at || a.length - b.length)
    .map(({ at, length, text: replacement }) => {
      const before = bytes.subarray(from, at).toString();
      from = at + length;
      return before + replacement;
    });
  return parts.join('') + bytes.subarray(from).toString();
}
