import { expect, test } from 'vitest';
import { packagePlaces, type InstalledPackages, type PackageManifest } from './package-places.js';

/** Packages by folder; one finds another in its own node_modules, or else at the top. */
const installed = (packages: Readonly<Record<string, PackageManifest>>): InstalledPackages => ({
  manifestOf: (folder) => packages[folder],
  find: (from, name) => [`${from}/node_modules/${name}`, `/${name}`].find((folder) => folder in packages),
});
const needs = (...names: string[]): PackageManifest => ({
  dependencies: Object.fromEntries(names.map((name) => [name, '1'])),
});
const placesOf = (packages: Readonly<Record<string, PackageManifest>>): Record<string, string> =>
  Object.fromEntries(packagePlaces('app', '/app', installed(packages)));

test('what a package needs is next to it, once, even if packages need each other', () => {
  expect(placesOf({ '/app': needs('a', 'b'), '/a': needs('b'), '/b': needs('app'), '/unused': {} })).toEqual({
    'node_modules/app': '/app',
    'node_modules/a': '/a',
    'node_modules/b': '/b',
  });
});

test('another version than the one at the top is below the package that needs it', () => {
  const packages = {
    '/app': needs('b', 'a'),
    '/a': needs('b', 'c'),
    '/b': {},
    '/a/node_modules/b': needs('c'),
    '/a/node_modules/b/node_modules/c': {},
    '/c': {},
  };
  expect(placesOf(packages)).toEqual({
    'node_modules/app': '/app',
    'node_modules/b': '/b',
    'node_modules/a': '/a',
    'node_modules/a/node_modules/b': '/a/node_modules/b',
    'node_modules/c': '/c',
    'node_modules/a/node_modules/b/node_modules/c': '/a/node_modules/b/node_modules/c',
  });
});

test('optional packages and peers are taken if they are there', () => {
  const manifest = { optionalDependencies: { here: '1', elsewhere: '1' }, peerDependencies: { peer: '1' } };
  expect(Object.keys(placesOf({ '/app': manifest, '/here': {}, '/peer': {} }))).toEqual([
    'node_modules/app',
    'node_modules/here',
    'node_modules/peer',
  ]);
});

test('a scoped package finds what is nested next to it', () => {
  const packages = {
    '/app': needs('b', '@s/a'),
    '/b': {},
    '/@s/a': needs('b', 'd'),
    '/@s/a/node_modules/b': {},
    '/d': {},
  };
  expect(placesOf(packages)['node_modules/@s/a/node_modules/b']).toBe('/@s/a/node_modules/b');
});
