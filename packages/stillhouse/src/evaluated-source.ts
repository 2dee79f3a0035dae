// Other rows for a run's models: a file or folder, read as the run read its own.
import type { PlainSourceConfig, SourceConfig, SourceInput } from '@stillhouse/core';

const plain = (source: SourceConfig): PlainSourceConfig => ('mix' in source ? source.mix[0].source : source);

/**
 * What a path does not show, such as the size of images or the names of arrays, is as in a source of the run.
 * @param found what the path's name shows
 * @param own a source of the run
 */
export function sourceLike(found: SourceInput, own: SourceConfig): SourceInput {
  const like = plain(own);
  if ('idx' in found && 'idx' in like) return { idx: { ...like.idx, ...found.idx } };
  if ('npz' in found && 'npz' in like) return { npz: { ...like.npz, ...found.npz } };
  if ('tfrecord' in found && 'tfrecord' in like) {
    const { inputs, label, shape, image } = like;
    return { ...found, inputs, label, ...(shape ? { shape } : {}), ...(image ? { image } : {}) };
  }
  if (!('images' in like)) return found;
  const { images } = like;
  if ('csv' in found && typeof found.csv === 'string' && 'csv' in images)
    return { images: { ...images, csv: found.csv } };
  if (!('images' in found) || !('folder' in found.images)) return found;
  const { size, channels, fit } = images;
  return { images: { folder: found.images.folder, size, channels, fit } };
}
