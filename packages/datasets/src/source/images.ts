// Images, decoded and resized by sharp: one folder per class, or a CSV file of paths and labels.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parse } from 'csv-parse/sync';
import { StillhouseError, type SourceConfigOf } from '@stillhouse/core';
import { csvTable } from '../table/csv.js';
import type { TensorSet } from '../tensor/tensor-set.js';
import { decodeImage, type ImageShape } from './decode-image.js';
import { defineSource, type OpenContext } from './source.js';

/** Images decoded at once. */
const chunkImages = 64;

const endings = /\.(avif|gif|jpe?g|png|svg|tiff?|webp)$/i;

type ImagesConfig = SourceConfigOf<'images'>['images'];

export const images = defineSource<SourceConfigOf<'images'>>({
  files: ({ images: config }, { find }) =>
    'folder' in config ? imagesIn(find(config.folder)) : filesOfList(find(config.csv), config.path),
  isRepeatable: () => true,
  byName: (path, { isFolder }) => (isFolder() ? { images: { folder: path, size: [32, 32] } } : undefined),
  async open({ images: config }, context) {
    const { find, withLabels } = context;
    return {
      type: 'tensors',
      tensors:
        'folder' in config ? imageFolder(find(config.folder), config, withLabels) : await listedImages(config, context),
    };
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

/** Image files of a folder and its subfolders, sorted. */
function imagesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.test(name))
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

/**
 * The classes are the names of the subfolders; without labels subfolders have no meaning.
 * @throws StillhouseError DATA_FORMAT
 */
function imageFolder(folder: string, shape: ImageShape, withLabels: boolean): TensorSet {
  const files = imagesIn(folder);
  if (files.length === 0) throw new StillhouseError('DATA_EMPTY', `${folder} has no images`);
  if (!withLabels) return filesSet(folder, files, new Float32Array(files.length), { classes: undefined, shape });
  const classOf = (file: string): string => relative(folder, file).split(sep)[0];
  const loose = files.find((file) => dirname(file) === folder);
  if (loose !== undefined)
    throw new StillhouseError('DATA_FORMAT', `${loose} is not in the folder of a class`, {
      next: 'Put each image into a folder that is named after its class.',
    });
  const classes = [...new Set(files.map(classOf))].sort();
  return filesSet(
    folder,
    files,
    Float32Array.from(files, (file) => classes.indexOf(classOf(file))),
    { classes, shape },
  );
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
    if (!hasClasses && !Number.isFinite(Number(label)))
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
