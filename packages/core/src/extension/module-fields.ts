// The fields of a recipe that name a module.
import { z } from 'zod';

/** Other values would change on their way into a job. The type is wide, for options that a program puts together. */
const jsonValue: z.ZodType<unknown> = z.json(
  'Must be a value of JSON: a finite number, text, true, false, null, or a list or an object of such values',
);

export const moduleFields = {
  module: z
    .string()
    .min(1)
    .describe('Path of a self-contained JavaScript module: it imports nothing, and exports a function of { options }.'),
  export: z.string().min(1).default('default'),
  options: z.record(z.string(), jsonValue).default({}).describe('Options that are passed to the function.'),
  source: z
    .string()
    .optional()
    .describe('The module’s text, which a run reads when it starts; it is part of run.json.'),
};
