// Which files of a folder are its images, and what is said about the others.
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import { unreadable } from '../file/places.js';

export const readableEndings: readonly string[] = [
  ...['avif', 'bmp', 'dib', 'gif', 'jfif', 'jpe', 'jpeg', 'jpg', 'png', 'svg', 'tif', 'tiff', 'webp'],
];

export interface ImageFiles {
  /** Sorted. */
  readonly files: readonly string[];
  /** Names of the subfolders, which are classes. */
  readonly classes: readonly string[];
  /** One sentence if the folder has files that are not read. */
  readonly warnings: readonly string[];
}

const endingOf = (file: string): string => extname(file).slice(1).toLowerCase();

/**
 * Names that file managers, notebooks and version control hide: a leading dot, such as `._0.png` of macOS, and the
 * folder into which macOS's archives put such files.
 */
const isHidden = (name: string): boolean => name.startsWith('.') || name === '__MACOSX';

/** @throws StillhouseError DATA_NOT_FOUND if a link leads nowhere, or the folder may not be read */
function asked<T>(path: string, ask: (path: string) => T): T {
  try {
    return ask(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/**
 * The image files of a folder and its subfolders. Hidden files and folders do not count; other files that are not read
 * are reported. Links are followed, but each file may occur once only.
 * @throws StillhouseError DATA_NOT_FOUND, or DATA_FORMAT if links make a file or folder occur twice
 */
export function imagesIn(folder: string): ImageFiles {
  if (!asked(folder, (each) => statSync(each)).isDirectory())
    throw new StillhouseError('DATA_FORMAT', `${folder} is a file, not a folder of images`, {
      next: 'Give the folder that has one folder per class, or a list: {csv: FILE}.',
    });
  const files: string[] = [];
  const others: string[] = [];
  /** Names by the real path of what they name. */
  const seen = new Map<string, string>();
  const visit = (path: string): void => {
    const real = asked(path, (each) => realpathSync(each));
    const before = seen.get(real);
    if (before !== undefined)
      throw new StillhouseError('DATA_FORMAT', `${path} and ${before} are the same, so its images would occur twice`, {
        next: 'Remove one of them: a row must not be both in the training and the test set.',
      });
    seen.set(real, path);
    const about = statSync(path);
    if (about.isDirectory()) {
      for (const name of asked(path, (each) => readdirSync(each))) if (!isHidden(name)) visit(join(path, name));
      // Reading a pipe would wait for its writer.
    } else if (about.isFile() && readableEndings.includes(endingOf(path))) files.push(path);
    else others.push(path);
  };
  visit(folder);
  return {
    files: files.sort(),
    classes: readdirSync(folder).filter((name) => !isHidden(name) && statSync(join(folder, name)).isDirectory()),
    warnings: others.length > 0 ? [unread(folder, others.sort())] : [],
  };
}

const namedOthers = 3;

function unread(folder: string, others: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of others) {
    const ending = extname(file).toLowerCase() || 'without an ending';
    counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  const endings = [...counts].map(([ending, count]) => `${count} ${ending}`).join(', ');
  const examples = others.slice(0, namedOthers).map((file) => file.slice(folder.length).replace(sep, ''));
  const more = others.length > namedOthers ? ', …' : '';
  return (
    `${folder}: ${others.length} of its files are not read, because their names are not those of images ` +
    `(${endings}: ${examples.join(', ')}${more}); images end in ${readableEndings.join(', ')}`
  );
}
