// The optimisers by their names. To add one: its file, a line here, its kernel, a case in flat/optimizer.test.ts.
import { z } from 'zod';
import { adam } from './adam.js';
import { adamw } from './adamw.js';
import type { Optimizer } from './define-optimizer.js';
import { sgd } from './sgd.js';

const optimizers = { sgd, adam, adamw } as const;

type Schema = (typeof optimizers)[keyof typeof optimizers]['schema'];

/** An optimiser as the recipe has it. */
export const optimizerSchema = z.discriminatedUnion(
  'name',
  Object.values(optimizers).map(({ schema }) => schema) as [Schema, ...Schema[]],
);
export type OptimizerConfig = z.output<typeof optimizerSchema>;

export const optimizerOf = ({ name }: OptimizerConfig): Optimizer<OptimizerConfig> => optimizers[name];
