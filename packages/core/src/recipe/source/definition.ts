// What a recipe knows of a kind of source without opening one: its keys, and what may be asked of its rows.
import { z } from 'zod';
import { limits } from '../../error/limits.js';
import { count } from '../fields.js';

/** A kind of source, named by the key that a source of this kind has and others have not. */
export interface SourceDefinition<Config> {
  /** How it is written; several where the key's value has several forms. */
  readonly schemas: readonly z.ZodType<Config>[];
  /** Whether rows are cells of columns, so that data.table must say which one is predicted. */
  readonly isTable: boolean;
  /** The path of what only data.pool may leave out, if this source leaves it out. */
  missingLabels?(config: Config): string | undefined;
}

/** Keeps the schemas' own types. */
export const defineSourceSchema = <const Schemas extends readonly z.ZodType[]>(
  definition: SourceDefinition<z.output<Schemas[number]>> & { readonly schemas: Schemas },
): SourceDefinition<z.output<Schemas[number]>> & { readonly schemas: Schemas } => definition;

/** What every source has: which of its rows are used. */
export const sampling = {
  take: count(limits.rowCount).optional().describe('Uses so many rows, drawn by the seed.'),
  perClass: count(limits.rowCount)
    .optional()
    .describe('Uses so many rows of each class, drawn by the seed (stratified).'),
  classes: z
    .array(z.union([z.string(), z.number()]))
    .min(1)
    .max(limits.categoryCount)
    .optional()
    .describe('Uses only rows of these classes.'),
};

export const imageSize = z.tuple([count(4096), count(4096)]).describe('Height and width that images are resized to.');

/** How encoded images become tensors. */
export const imageFields = {
  size: imageSize,
  channels: z
    .union([z.literal(1), z.literal(3)])
    .default(3)
    .describe('1: grey. 3: red, green, blue.'),
  fit: z
    .enum(['cover', 'contain', 'fill'])
    .default('cover')
    .describe('cover: cut what does not fit. contain: black borders. fill: stretched.'),
};

export const optionalLabels = z.string().min(1).optional().describe('Needed except by data.pool.');
