// What the manifests of all packages have in common: one range per dependency.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './test-results.mjs';

const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
const read = (folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));

/** Compiled with the oldest Node's types; whoever installs a package may have newer ones. */
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
  return differing.map(
    ([dependency, uses]) => `${dependency}: ${uses.map(({ name, range }) => `${range} in ${name}`).join(', ')}`,
  );
}
