// What model.json says about feeding a model and reading its outputs, checked when it is read.
import { canPredict, StillhouseError, tensorTypes, type ModelMetadata } from '@stillhouse/core';
import { targetTransforms } from '@stillhouse/core/training';
import { z } from 'zod';

const named = z.looseObject({ name: z.string(), dtype: z.enum(tensorTypes) });
const columnSchema = z.union([
  named.extend({
    type: z.literal('number'),
    transform: z.enum(['none', 'log']),
    shift: z.number(),
    scale: z.number(),
    fill: z.number(),
    indicator: z.boolean(),
    missing: z.enum(['error', 'mean', 'drop']),
  }),
  named.extend({ type: z.literal('category'), encode: z.enum(['oneHot', 'index']), categories: z.array(z.string()) }),
  named.extend({ type: z.literal('category'), encode: z.literal('hash'), buckets: z.int() }),
  named.extend({
    type: z.literal('tensor'),
    size: z.int(),
    factors: z.array(z.number()),
    offsets: z.array(z.number()),
  }),
]);

const targetSchema = z.looseObject({
  mean: z.number(),
  deviation: z.number(),
  transform: z.enum(targetTransforms).optional(),
  lambda: z.number().optional(),
  limit: z.number().optional(),
  name: z.string().optional(),
});

const modelSchema = z.looseObject({
  userDefinedMetadata: z.looseObject({
    stillhouse: z.looseObject({
      loss: z.string(),
      outputsPerTarget: z.int().positive().optional(),
      inputShape: z.array(z.int()),
      columns: z.array(columnSchema).min(1),
      outputs: z.int(),
      targets: z.array(targetSchema),
      classes: z.array(z.string()).nullable(),
    }),
  }),
});

/**
 * @param json text of model.json
 * @param file its path, for messages
 * @throws StillhouseError DATA_FORMAT if its outputs cannot be read; ZodError or SyntaxError if Stillhouse did not
 * write it
 */
export function parseModelMetadata(json: string, file: string): ModelMetadata {
  const { loss, ...rest } = modelSchema.parse(JSON.parse(json)).userDefinedMetadata.stillhouse;
  // The schema leaves open which losses there are: another version may have more.
  if (!canPredict(loss))
    throw new StillhouseError(
      'DATA_FORMAT',
      `${file} was trained with the loss ${loss}, whose outputs are not known here`,
      { next: 'Use the version of stillhouse that trained the model.' },
    );
  return { ...rest, loss };
}
