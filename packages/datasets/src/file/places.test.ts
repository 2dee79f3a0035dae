// Files by name and by pattern, in folders as people have them.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { StillhouseError } from '@stillhouse/core';
import { locate, locateAll } from './places.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-places-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const places = { recipeFolder: folder, dataFolders: [] };

function write(path: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), 'a\n1\n');
}

const found = (paths: string | string[]): string[] =>
  locateAll(paths, places).map((file) => file.slice(folder.length + 1));

test('only a path in the folders of data sets is advised to fetch one', () => {
  const advice = (path: string): string => {
    try {
      return locate(path, { ...places, dataFolders: [folder] });
    } catch (error) {
      return (error as StillhouseError).next;
    }
  };
  expect(advice('none.csv')).not.toMatch(/fetch/);
  expect(advice('data:none.csv')).toMatch(/data fetch/);
});

test('patterns leave out hidden files and folders, unless they name them', () => {
  for (const path of ['logs/a.csv', 'logs/b.csv', 'logs/._a.csv', 'logs/.ipynb_checkpoints/a-checkpoint.csv'])
    write(path);
  expect(found('logs/*.csv')).toEqual(['logs/a.csv', 'logs/b.csv']);
  expect(found('logs/**/*.csv')).toEqual(['logs/a.csv', 'logs/b.csv']);
  expect(found('logs/.ipynb_checkpoints/*.csv')).toEqual(['logs/.ipynb_checkpoints/a-checkpoint.csv']);
});

test('a recipe in a hidden folder finds its files', () => {
  write('.hidden/c.csv');
  expect(locateAll('*.csv', { recipeFolder: join(folder, '.hidden'), dataFolders: [] })).toHaveLength(1);
});

test('a file that occurs twice is refused: by name, by pattern, by a link', () => {
  write('twice/a.csv');
  expect(() => found(['twice/a.csv', 'twice/a.csv'])).toThrow(/a\.csv is named twice, so its rows would occur twice/);
  expect(() => found(['twice/a.csv', 'twice/*.csv'])).toThrow(/is named twice/);
  symlinkSync(join(folder, 'twice', 'a.csv'), join(folder, 'twice', 'b.csv'));
  expect(() => found('twice/*.csv')).toThrow(/b\.csv and .*a\.csv are one file/);
});

test('a folder that links back up is refused, rather than read again and again', () => {
  write('loop/a.csv');
  symlinkSync(join(folder, 'loop'), join(folder, 'loop', 'up'));
  expect(() => found('loop/**/*.csv')).toThrow(/are one file/);
});
