// What npm would publish is well-formed: publint on the manifest and files, are-the-types-wrong on the types.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => join(root, 'node_modules/.bin', name);
let failed = 0;
for (const name of readdirSync(join(root, 'packages'))) {
  const folder = join(root, 'packages', name);
  for (const [tool, ...args] of [
    ['publint', 'run', folder, '--strict'],
    ['attw', '--pack', folder, '--profile', 'esm-only', '--quiet'],
  ]) {
    const { status, stdout, stderr } = spawnSync(bin(tool), args, { cwd: root, encoding: 'utf8' });
    if (status === 0) continue;
    failed += 1;
    console.error(`${tool} of packages/${name}:\n${stdout}${stderr}`);
  }
}
console.log(failed === 0 ? 'packages: well-formed, types resolve' : `packages: ${failed} faults`);
process.exitCode = failed === 0 ? 0 : 1;
