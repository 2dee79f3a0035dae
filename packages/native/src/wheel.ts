// Reads files from a wheel, which is a zip file.
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Entry, ZipFile } from 'yauzl';
import { StillhouseError } from '@stillhouse/core';
import type { Progress } from './tools.js';

const libraryPattern = /^tensorflow\/(libtensorflow_(?:cc|framework)\.(?:so\.2|2\.dylib))$/;
const headerPattern =
  /^tensorflow\/include\/((?:tensorflow\/c|xla\/tsl\/c|tsl\/platform|tensorflow\/core\/platform)\/[\w/]+\.h)$/;

/** The path of an entry of TensorFlow's wheel below the engine's folder, or undefined if it is not needed. */
export function placeOf(name: string): string | undefined {
  const library = libraryPattern.exec(name)?.[1];
  if (library) return join('lib', library);
  const header = headerPattern.exec(name)?.[1];
  return header && join('include', header);
}

async function eachEntry(wheel: string, visit: (zip: ZipFile, entry: Entry) => Promise<void>): Promise<void> {
  try {
    const { openPromise } = await import('yauzl');
    const zip = await openPromise(wheel, { lazyEntries: true });
    for await (const entry of zip.eachEntry()) await visit(zip, entry);
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    if (error.code === 'ENOSPC')
      throw new StillhouseError('BACKEND_SPACE', `the disk is full: ${error.message}`, { cause });
    throw new StillhouseError('BACKEND_SOURCE', `${wheel} cannot be read as a wheel: ${error.message}`, { cause });
  }
}

/**
 * Extracts the entries that belong below `folder` and reports large ones. Returns their number.
 * @throws StillhouseError BACKEND_SOURCE if the file is not a wheel, BACKEND_SPACE if the disk is full
 */
export async function extractEntries(
  wheel: string,
  folder: string,
  placeOfEntry: (name: string) => string | undefined,
  report: Progress = () => {},
): Promise<number> {
  let count = 0;
  await eachEntry(wheel, async (zip, entry) => {
    const place = placeOfEntry(entry.fileName);
    if (place === undefined) return;
    if (entry.uncompressedSize > 1e6) report(`extracting ${place} (${(entry.uncompressedSize / 1e6).toFixed(0)} MB)`);
    const target = join(folder, place);
    mkdirSync(dirname(target), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target, { mode: 0o755 }));
    count += 1;
  });
  return count;
}

/**
 * The text of the first entry of that name; empty if there is none.
 * @throws StillhouseError BACKEND_SOURCE
 */
export async function readEntry(wheel: string, name: RegExp): Promise<string> {
  let found: string | undefined;
  await eachEntry(wheel, async (zip, entry) => {
    if (name.test(entry.fileName)) found ??= await text(await zip.openReadStreamPromise(entry));
  });
  return found ?? '';
}
