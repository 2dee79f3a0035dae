// What a module's source returns, checked: a fault of it is one of the module, not of what reads its rows.
import { tensorTypes, zerosOf, type Numbers } from '@stillhouse/core';
import { z } from 'zod';
import type { Table } from '../table/table.js';
import { sizeOf, type TensorSet } from '../tensor/tensor-set.js';
import type { Source } from './source.js';

const tagOf = (value: unknown): string | undefined =>
  (value as Partial<Numbers> | null | undefined)?.[Symbol.toStringTag];
const arrayTags = new Map(tensorTypes.map((type) => [type, tagOf(zerosOf(type, 0))]));
const arrays: readonly unknown[] = [...arrayTags.values()];

const count = z.int().min(0);
const common = { mixed: z.array(count).optional(), warnings: z.array(z.string()).optional() };
const isFunction = (value: unknown): boolean => typeof value === 'function';

const tensorSet = z.object({
  what: z.string().min(1),
  rowCount: count,
  inputShape: z.array(z.int().min(1)).min(1),
  dtype: z.enum(tensorTypes),
  isBytes: z.boolean().default(false),
  classes: z.array(z.string()).optional(),
  labelCount: count,
  chunks: z.custom<TensorSet['chunks']>(isFunction, 'Not a function'),
});
/** Tables are those of `context.tables`. */
const table = z.custom<Table>(
  (value) => typeof value === 'object' && value !== null && 'columns' in value && 'chunks' in value,
  'Not a table of context.tables',
);
const sourceSchema = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('table'), table, ...common }),
    z.object({ type: z.literal('tensors'), tensors: tensorSet, ...common }),
  ],
  'Neither a table nor tensors',
);

/**
 * What a function of a source returned.
 * @param name of the function
 * @throws TypeError that says what is wrong with it
 */
export function checkedResult<T>(schema: z.ZodType<T>, name: string, result: unknown): T {
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new TypeError(`what ${name} returns is wrong: ${path.length ? `${path.join('.')}: ` : ''}${message}`);
}

export const fileList = z.array(z.string());
export const truth = z.boolean();

const chunkShape = z.object({ rowCount: count, cells: z.tuple([z.custom<Numbers>(), z.custom<Numbers>()]) });
type Chunks = ReturnType<TensorSet['chunks']>;

/** @throws TypeError at a chunk that is not what the set announces, and if there are more rows or fewer */
async function* checkedChunks(set: TensorSet, chunks: () => Chunks): Chunks {
  const { rowCount: announced, inputShape, dtype, labelCount } = set;
  let total = 0;
  for await (const chunk of chunks()) {
    const { data } = chunkShape.safeParse(chunk);
    if (!data) throw new TypeError('a chunk lacks rowCount, a number of rows, or cells, [inputs, labels]');
    const {
      rowCount,
      cells: [inputs, labels],
    } = data;
    const lengths = [rowCount * sizeOf(inputShape), rowCount * labelCount];
    if (tagOf(inputs) !== arrayTags.get(dtype) || !arrays.includes(tagOf(labels)))
      throw new TypeError(`the inputs of a chunk are no ${arrayTags.get(dtype)}, or its labels no array of numbers`);
    if (inputs.length !== lengths[0] || labels.length !== lengths[1])
      throw new TypeError(
        `a chunk of ${rowCount} rows has ${inputs.length} inputs and ${labels.length} labels, not ` +
          lengths.join(' and '),
      );
    total += rowCount;
    if (total > announced) break;
    yield chunk;
  }
  if (total !== announced)
    throw new TypeError(`it announces ${announced} rows, but has ${total > announced ? 'more' : total}`);
}

/**
 * A source that a module opened, whose chunks are checked as they are read.
 * @param failed makes an error of what reading its chunks throws
 * @throws TypeError that says what is wrong with it
 */
export function checkedSource(opened: unknown, failed: (cause: unknown) => unknown): Source {
  const source = checkedResult(sourceSchema, 'open', opened);
  if (source.type === 'table') return source as Source;
  const given = (opened as { readonly tensors: TensorSet }).tensors;
  const tensors = { ...source.tensors, classes: source.tensors.classes };
  return {
    ...(source as Source),
    type: 'tensors',
    tensors: {
      ...tensors,
      async *chunks() {
        try {
          yield* checkedChunks(tensors, () => given.chunks());
        } catch (cause) {
          throw failed(cause);
        }
      },
    },
  };
}
