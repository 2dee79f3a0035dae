// TFRecord files of tf.Example messages.
import type { SourceConfigOf } from '@stillhouse/core';
import { namesOf } from './names-of.js';
import { defineSource } from './source.js';

export const tfrecord = defineSource<SourceConfigOf<'tfrecord'>>({
  files: (config, { findAll }) => findAll(config.tfrecord),
  isRepeatable: () => true,
  byName: (path, { name }) => (/\.tfrecords?$/.test(name) ? { tfrecord: path, inputs: 'x', label: 'y' } : undefined),
  async open(config, { findAll }) {
    const files = findAll(config.tfrecord);
    const { tfrecordSet } = await import('./tfrecord-set.js');
    return { type: 'tensors', tensors: await tfrecordSet(namesOf(files, config.tfrecord), files, config) };
  },
});
