// TFRecord files.
import { z } from 'zod';
import { count, paths } from '../fields.js';
import { defineSourceSchema, imageFields, sampling } from './definition.js';

export const tfrecord = defineSourceSchema({
  isTable: false,
  schemas: [
    z
      .strictObject({
        tfrecord: paths,
        inputs: z.string().min(1),
        label: z.string().min(1),
        shape: z.array(count(1e7)).min(1).optional(),
        image: z.strictObject(imageFields).optional(),
        ...sampling,
      })
      .describe(
        'Paths of TFRecord files of tf.Example, gzipped or not: the features with inputs and label. Inputs are ' +
          'numbers, raw bytes of the given shape, or an encoded image.',
      ),
  ],
});
