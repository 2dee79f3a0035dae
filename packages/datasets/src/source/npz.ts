// NumPy arrays of an .npz file: two of them are unpacked and read like .npy files.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { messageOf, StillhouseError, type SourceConfigOf } from '@stillhouse/core';
import { arraysSet, openNpy, type NpyFile } from './npy.js';
import { defineSource } from './source.js';

export const npz = defineSource<SourceConfigOf<'npz'>>({
  files: ({ npz: { file } }, { find }) => [find(file)],
  isRepeatable: () => true,
  byName: (path, { name }) => (name.endsWith('.npz') ? { npz: { file: path } } : undefined),
  async open({ npz: { file, inputs, labels } }, { find, tables, withLabels }) {
    const path = find(file);
    const unpacked = async (array: string): Promise<NpyFile> => {
      const target = tables.spoolFile(`${array.replace(/\W/g, '_')}.npy`);
      await unzip(path, `${array}.npy`, target);
      return openNpy(target, `${file}, array ${array}`);
    };
    return {
      type: 'tensors',
      tensors: arraysSet(file, await unpacked(inputs), withLabels ? await unpacked(labels) : undefined),
    };
  },
});

/** Writes one entry of a ZIP file to another file. */
async function unzip(path: string, entry: string, target: string): Promise<void> {
  const { default: yauzl } = await import('yauzl');
  const zip = await new Promise<import('yauzl').ZipFile>((resolve, reject) =>
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, opened) =>
      error ? reject(error) : resolve(opened),
    ),
  ).catch((cause: unknown) => {
    throw new StillhouseError('DATA_FORMAT', `${path} is not an NPZ file: ${messageOf(cause)}`, { cause });
  });
  try {
    const names: string[] = [];
    const found = await new Promise<import('yauzl').Entry | undefined>((resolve, reject) => {
      zip.on('entry', (each: import('yauzl').Entry) => {
        names.push(each.fileName);
        if (each.fileName === entry) resolve(each);
        else zip.readEntry();
      });
      zip.on('end', () => resolve(undefined));
      zip.on('error', reject);
      zip.readEntry();
    });
    if (!found)
      throw new StillhouseError(
        'DATA_COLUMN',
        `${path} has no array ${entry.replace(/\.npy$/, '')}; it has ` +
          `${names.map((name) => name.replace(/\.npy$/, '')).join(', ')}`,
      );
    const stream = await new Promise<import('node:stream').Readable>((resolve, reject) =>
      zip.openReadStream(found, (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    await pipeline(stream, createWriteStream(target));
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    throw new StillhouseError('DATA_FORMAT', `${path}: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    zip.close();
  }
}
