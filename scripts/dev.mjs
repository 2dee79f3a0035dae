// npm run dev [-- core]: builds a package again when a file of it changes, and runs the unit tests that the change
// concerns. Without a name, those of all packages; only what is named is built.
import { spawn } from 'node:child_process';
import { root } from './test-results.mjs';

const isWindows = process.platform === 'win32';
const names = process.argv.slice(2);
/** Each build has a process group of its own, so that its compilers can be ended with it. */
const builds = names.map((name) =>
  spawn('npm', ['run', 'build', '--workspace', `packages/${name}`, '--', '--watch'], {
    cwd: root,
    stdio: 'inherit',
    shell: isWindows,
    detached: !isWindows,
  }),
);
const chosen = names.length > 0 ? names.map((name) => `packages/${name}/`) : ['--exclude', 'test/**'];
const tests = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', '--watch', ...chosen], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => tests.kill(signal));
tests.on('exit', (code) => {
  for (const build of builds)
    if (isWindows) build.kill();
    else process.kill(-build.pid);
  process.exit(code ?? 0);
});
