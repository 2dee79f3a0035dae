// npm run dev [-- core]: compiles a package again when a file of it changes, and runs the unit tests that the change
// concerns. Without a name, those of all packages; only what is named is compiled.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './test-results.mjs';

const names = process.argv.slice(2);
const run = (file, args) =>
  spawn(process.execPath, [join(root, 'node_modules', file), ...args], { cwd: root, stdio: 'inherit' });

const compilers = names.map((name) =>
  run('typescript/bin/tsc', ['-p', join('packages', name), '--watch', '--preserveWatchOutput']),
);
const projects = (names.length > 0 ? names : ['!simulation', '!contract', '!e2e', '!engines']).flatMap((name) => [
  '--project',
  name,
]);
run('vitest/vitest.mjs', ['--watch', ...projects]).on('exit', (code) => {
  for (const compiler of compilers) compiler.kill();
  process.exit(code ?? 0);
});
