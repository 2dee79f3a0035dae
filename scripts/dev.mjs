// npm run dev [-- core]: builds a package again when a file of it changes, and runs the unit tests that the change
// concerns. Without a name, those of all packages; only what is named is built.
import { spawn } from 'node:child_process';
import { root } from './test-results.mjs';

const names = process.argv.slice(2);
const start = (command, ...args) =>
  spawn(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });

const builds = names.map((name) => start('npm', 'run', 'build', '--workspace', `packages/${name}`, '--', '--watch'));
const projects = (names.length > 0 ? names : ['!simulation', '!contract', '!e2e', '!engines']).flatMap((name) => [
  '--project',
  name,
]);
start(process.execPath, 'node_modules/vitest/vitest.mjs', '--watch', ...projects).on('exit', (code) => {
  for (const build of builds) build.kill();
  process.exit(code ?? 0);
});
