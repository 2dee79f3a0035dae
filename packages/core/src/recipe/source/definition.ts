// What a recipe knows about a kind of source without opening one: its keys, and which rows may be requested.
import { z } from 'zod';
import { limits } from '../../error/limits.js';
import { count } from '../fields.js';

/** A kind of source, named by the key that only sources of this kind have. */
export interface SourceDefinition<Config> {
  /** Its schema; several if the key's value has several forms. */
  readonly schemas: readonly z.ZodType<Config>[];
  /** Whether rows are cells of columns, so that data.table must name the column to predict. */
  readonly isTable: boolean;
  /** The path of what only data.pool may lack, if this source lacks it. */
  missingLabels?(config: Config): string | undefined;
}

/** Keeps the schemas' own types. */
export const defineSourceSchema = <const Schemas extends readonly z.ZodType[]>(
  definition: SourceDefinition<z.output<Schemas[number]>> & { readonly schemas: Schemas },
): SourceDefinition<z.output<Schemas[number]>> & { readonly schemas: Schemas } => definition;

/** What every source has: which of its rows are used. */
export const sampling = {
  take: count(limits.rowCount).optional().describe('Uses this many rows, drawn by the seed.'),
  perClass: count(limits.rowCount)
    .optional()
    .describe('Uses this many rows per class, drawn by the seed (stratified).'),
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
    .describe('cover: cut off what does not fit. contain: black borders. fill: stretched.'),
};

export const optionalLabels = z.string().min(1).optional().describe('Required, except for data.pool.');
