// The part of a TensorFlow wheel (a zip file) that the binding needs: its two libraries and a few headers of the C API.
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { StillhouseError } from '@stillhouse/core';

const libraryPattern = /^tensorflow\/(libtensorflow_(?:cc|framework)\.(?:so\.2|2\.dylib))$/;
const headerPattern = /^tensorflow\/include\/((?:tensorflow\/c|xla\/tsl\/c|tsl\/platform|tensorflow\/core\/platform)\/[\w/]+\.h)$/;

export type Progress = (text: string) => void;

/** The path of an entry below the engine's folder, or undefined if it is not needed. */
export function placeOf(name: string): string | undefined {
  const library = libraryPattern.exec(name)?.[1];
  if (library) return library;
  const header = headerPattern.exec(name)?.[1];
  return header && join('include', header);
}

async function extractEntry(zip: ZipFile, entry: Entry, target: string): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target, { mode: 0o755 }));
}

/**
 * Extracts what is needed into `folder`; returns the bytes written.
 * @throws StillhouseError BACKEND_SOURCE if the file is no TensorFlow wheel, BACKEND_SPACE if the disk is full
 */
export async function extractWheel(wheel: string, folder: string, tell: Progress): Promise<number> {
  let bytes = 0;
  let libraries = 0;
  try {
    const zip = await openPromise(wheel, { lazyEntries: true });
    for await (const entry of zip.eachEntry()) {
      const place = placeOf(entry.fileName);
      if (place === undefined) continue;
      if (!place.startsWith('include')) {
        tell(`extracting ${place} (${(entry.uncompressedSize / 1e6).toFixed(0)} MB)`);
        libraries += 1;
      }
      await extractEntry(zip, entry, join(folder, place));
      bytes += entry.uncompressedSize;
    }
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    if (error.code === 'ENOSPC') throw new StillhouseError('BACKEND_SPACE', `the disk of ${folder} is full`, { cause });
    throw new StillhouseError('BACKEND_SOURCE', `${wheel} cannot be read as a wheel: ${error.message}`, { cause });
  }
  if (libraries < 2) throw new StillhouseError('BACKEND_SOURCE', `${wheel} holds no libtensorflow_cc and libtensorflow_framework`);
  return bytes;
}
