// Images, decoded and resized by sharp: one folder per class, or a CSV file of paths and labels.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parse } from 'csv-parse/sync';
import { StillhouseError, type SourceConfigOf } from '@stillhouse/core';
import { csvTable } from '../table/csv.js';
import type { TensorSet } from '../tensor/tensor-set.js';
import { decodeImage, type ImageShape } from './decode-image.js';
import { readableEndings, type ImageFiles } from './image-files.js';
import { defineSource, type OpenContext, type Source } from './source.js';

/** Images decoded at once. */
const chunkImages = 64;

type ImagesConfig = SourceConfigOf<'images'>['images'];

const isNumber = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text));

export const images = defineSource<SourceConfigOf<'images'>>({
  files: ({ images: config }, { find, imagesIn }) =>
    'folder' in config ? imagesIn(find(config.folder)).files : filesOfList(find(config.csv), config.path),
  // The folder of an image is its class.
  fileNames({ images: config }, { find, imagesIn }) {
    if (!('folder' in config)) return [];
    const folder = find(config.folder);
    return imagesIn(folder).files.map((file) => relative(folder, file));
  },
  isRepeatable: () => true,
  byName: (path, { isFolder }) => (isFolder() ? { images: { folder: path, size: [32, 32] } } : undefined),
  async open({ images: config }, context) {
    return 'folder' in config
      ? imageFolder(context.find(config.folder), config, context)
      : { type: 'tensors', tensors: await listedImages(config, context) };
  },
});

async function listedImages(
  config: Extract<ImagesConfig, { csv: string }>,
  { find, hasClasses, tables }: OpenContext,
): Promise<TensorSet> {
  const csv = find(config.csv);
  const table = await csvTable([csv], { what: csv, delimiter: ',' }, tables);
  const rows: { path: string | null; label: string | null }[] = [];
  for await (const {
    rowCount,
    cells: [paths, labels],
  } of table.chunks([
    { column: config.path, as: 'text' },
    { column: config.label, as: 'text' },
  ])) {
    for (let i = 0; i < rowCount; i++)
      rows.push({ path: paths[i] as string | null, label: labels[i] as string | null });
  }
  return imageList(csv, rows, config, hasClasses);
}

/** @param labels label of each file: an index of the classes, or a number */
function filesSet(
  what: string,
  files: readonly string[],
  labels: Float32Array,
  { classes, shape }: { classes: readonly string[] | undefined; shape: ImageShape },
): TensorSet {
  const inputShape = [...shape.size, shape.channels];
  const size = shape.size[0] * shape.size[1] * shape.channels;
  return {
    what,
    rowCount: files.length,
    inputShape,
    dtype: 'U8',
    isBytes: true,
    classes,
    labelCount: 1,
    async *chunks() {
      for (let first = 0; first < files.length; first += chunkImages) {
        const part = files.slice(first, first + chunkImages);
        const inputs = new Uint8Array(part.length * size);
        (await Promise.all(part.map((file) => decodeImage(file, shape, file)))).forEach((bytes, i) =>
          inputs.set(bytes, i * size),
        );
        yield { rowCount: part.length, cells: [inputs, labels.subarray(first, first + part.length)] };
      }
    },
  };
}

/** Names of folders that have a set of rows each, rather than a class. */
const setNames = ['train', 'training', 'test', 'testing', 'val', 'valid', 'validation', 'dev', 'eval'];

/**
 * The class of each file: the folder in the set's folder that it is in.
 * @throws StillhouseError DATA_EMPTY, DATA_FORMAT
 */
function classesOf(folder: string, { files, classes: folders }: ImageFiles): string[] {
  const loose = files.find((file) => dirname(file) === folder);
  if (loose !== undefined)
    throw new StillhouseError('DATA_FORMAT', `${loose} is not in the folder of a class`, {
      next: 'Put each image into a folder that is named after its class.',
    });
  const found = files.map((file) => relative(folder, file).split(sep)[0]);
  const empty = folders.find((name) => !found.includes(name));
  if (empty !== undefined)
    throw new StillhouseError('DATA_EMPTY', `${join(folder, empty)} has no image that can be read`, {
      next: `Images end in ${readableEndings.join(', ')}. Convert the others, or remove the folder.`,
    });
  if (folders.every((name) => setNames.includes(name.toLowerCase())))
    throw new StillhouseError(
      'DATA_FORMAT',
      `the folders in ${folder} are named like sets, not like classes: ${folders.join(', ')}`,
      { next: `Give each set its folder: data.large {images: {folder: ${join(folder, folders[0])}, …}}, data.test …` },
    );
  return found;
}

/**
 * The classes are the names of the subfolders, or numbers if the loss is one for numbers; without labels subfolders
 * have no meaning.
 * @throws StillhouseError DATA_EMPTY, DATA_FORMAT, DATA_LABEL
 */
function imageFolder(folder: string, shape: ImageShape, { withLabels, hasClasses, imagesIn }: OpenContext): Source {
  const found = imagesIn(folder);
  const { files, warnings } = found;
  if (files.length === 0) throw new StillhouseError('DATA_EMPTY', `${folder} has no images`);
  const setOf = (labels: Float32Array, classes?: readonly string[]): Source => ({
    type: 'tensors',
    warnings,
    tensors: filesSet(folder, files, labels, { classes, shape }),
  });
  if (!withLabels) return setOf(new Float32Array(files.length));
  const labels = classesOf(folder, found);
  const classes = [...new Set(labels)].sort();
  if (hasClasses)
    return setOf(
      Float32Array.from(labels, (name) => classes.indexOf(name)),
      classes,
    );
  const word = classes.find((name) => !isNumber(name));
  if (word !== undefined)
    throw new StillhouseError('DATA_LABEL', `${join(folder, word)}: the folder's name is not a number`, {
      next: 'Choose a loss for classes, or name the folders by the number that is right for their images.',
    });
  return setOf(Float32Array.from(labels, Number));
}

/**
 * @param rows paths, relative to the file that names them, and their labels
 * @throws StillhouseError DATA_CELL, DATA_LABEL, naming the row
 */
function imageList(
  csv: string,
  rows: readonly { path: string | null; label: string | null }[],
  shape: ImageShape,
  hasClasses: boolean,
): TensorSet {
  rows.forEach(({ path, label }, i) => {
    if (path === null || label === null)
      throw new StillhouseError('DATA_CELL', `${csv}, row ${i + 1}: the ${path === null ? 'path' : 'label'} is empty`);
    if (!statSync(resolve(dirname(csv), path), { throwIfNoEntry: false })?.isFile())
      throw new StillhouseError('DATA_NOT_FOUND', `${csv}, row ${i + 1}: ${path} does not exist`);
    if (!hasClasses && !isNumber(label))
      throw new StillhouseError('DATA_LABEL', `${csv}, row ${i + 1}: ${JSON.stringify(label)} is not a number`);
  });
  const classes = hasClasses ? [...new Set(rows.map(({ label }) => label!))].sort() : undefined;
  const files = rows.map(({ path }) => resolve(dirname(csv), path!));
  return filesSet(
    csv,
    files,
    Float32Array.from(rows, ({ label }) => (classes ? classes.indexOf(label!) : Number(label))),
    { classes, shape },
  );
}

/** A list of images, and the images that it names; its faults are reported when it is opened. */
function filesOfList(csv: string, column: string): string[] {
  let rows: Record<string, string>[];
  try {
    rows = parse(readFileSync(csv), { bom: true, columns: true, relax_column_count: true });
  } catch {
    return [csv];
  }
  return [
    csv,
    ...rows
      .flatMap((row) => (row[column] ? [resolve(dirname(csv), row[column].trim())] : []))
      .filter((file) => existsSync(file)),
  ];
}
