// What the manifests of all packages have in common: one range per dependency, and where the project is, which the
// root's manifest says. `node scripts/manifests.mjs` copies the latter into each package.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { root } from './test-results.mjs';

const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
const fileOf = (folder) => join(root, folder, 'package.json');
const read = (folder) => JSON.parse(readFileSync(fileOf(folder), 'utf8'));

const { repository, homepage, bugs } = read('.');
const placeOf = (folder) => ({ repository: repository && { ...repository, directory: folder }, homepage, bugs });

/** We compile with the oldest Node's types; users may have newer ones. */
const mayDiffer = ['@types/node'];

/** @returns a sentence per disagreement */
export function disagreements() {
  const ranges = new Map();
  for (const folder of ['.', 'test', ...packages]) {
    const { name, dependencies, devDependencies } = read(folder);
    for (const [dependency, range] of Object.entries({ ...dependencies, ...devDependencies }))
      ranges.set(dependency, [...(ranges.get(dependency) ?? []), { name, range }]);
  }
  const differing = [...ranges].filter(
    ([dependency, [first, ...others]]) =>
      !mayDiffer.includes(dependency) && others.some(({ range }) => range !== first.range),
  );
  const misplaced = packages.flatMap((folder) => {
    const manifest = read(folder);
    return Object.entries(placeOf(folder))
      .filter(([key, value]) => !isDeepStrictEqual(manifest[key], value))
      .map(([key]) => `${manifest.name}: its ${key} is not the root's; \`node scripts/manifests.mjs\` copies it`);
  });
  return [
    ...differing.map(
      ([dependency, uses]) => `${dependency}: ${uses.map(({ name, range }) => `${range} in ${name}`).join(', ')}`,
    ),
    ...misplaced,
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  for (const folder of packages)
    writeFileSync(fileOf(folder), `${JSON.stringify({ ...read(folder), ...placeOf(folder) }, null, 2)}\n`);
