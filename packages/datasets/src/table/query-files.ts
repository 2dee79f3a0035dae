// The files that a query reads, from the syntax tree that DuckDB's own parser gives (json_serialize_sql).
import { z } from 'zod';

const tree = z.object({ error: z.boolean(), error_type: z.string().optional(), error_message: z.string().optional() });
const baseTable = z.object({ type: z.literal('BASE_TABLE'), table_name: z.string(), query_location: z.number() });
const tableFunction = z.object({
  type: z.literal('TABLE_FUNCTION'),
  function: z.object({ children: z.array(z.looseObject({ type: z.string() })) }),
});
const text = z.object({
  class: z.literal('CONSTANT'),
  query_location: z.number(),
  value: z.object({ type: z.object({ id: z.literal('VARCHAR') }), value: z.string() }),
});

interface Found {
  readonly path: string;
  readonly at: number;
}

const nodesIn = (node: unknown): unknown[] =>
  typeof node === 'object' && node !== null ? [node, ...Object.values(node).flatMap(nodesIn)] : [];

/** Names of tables may be files; arguments of table functions are files or patterns. */
function filesAt(node: unknown): Found[] {
  const table = baseTable.safeParse(node);
  if (table.success) return [{ path: table.data.table_name, at: table.data.query_location }];
  const called = tableFunction.safeParse(node);
  if (!called.success) return [];
  // Options, such as header = true, are comparisons.
  const places = called.data.function.children.filter(({ type }) => type !== 'COMPARE_EQUAL');
  return places.flatMap(nodesIn).flatMap((argument) => {
    const constant = text.safeParse(argument);
    return constant.success ? [{ path: constant.data.value.value, at: constant.data.query_location }] : [];
  });
}

/**
 * Paths and patterns in the order in which the query names them.
 * @param serialized what json_serialize_sql gives
 * @throws Error with DuckDB's message if it cannot parse the query
 */
export function filesInSyntaxTree(serialized: string): string[] {
  const parsed: unknown = JSON.parse(serialized);
  const { error, error_message: message } = tree.parse(parsed);
  if (error) throw new Error(message);
  return nodesIn(parsed)
    .flatMap(filesAt)
    .sort((a, b) => a.at - b.at)
    .map(({ path }) => path);
}
