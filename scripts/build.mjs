// Builds the package in the current folder: tsc checks its types and writes its declarations; esbuild writes a module
// per door and per program, and some that these share (docs/adr/0017). Programs are arguments. --watch builds again
// when a file changes. --standalone builds for pages: small, and with nothing else to load.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { context } from 'esbuild';
import { minify } from 'terser';

const { values, positionals: programs } = parseArgs({
  options: { watch: { type: 'boolean' }, standalone: { type: 'boolean' } },
  allowPositionals: true,
});
const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const doors = Object.values(exports).map((door) => door['@stillhouse/source']);

const bundle = await context({
  entryPoints: [...doors, ...programs],
  outdir: 'dist',
  // All in one folder, so that what is relative to a module does not depend on where its code ends up.
  entryNames: '[name]',
  bundle: true,
  splitting: true,
  format: 'esm',
  ...(values.standalone
    ? { minify: true, target: 'es2022', conditions: ['@stillhouse/source'] }
    : { packages: 'external', platform: 'node', target: 'node20' }),
  logLevel: 'warning',
});
/** Some four percent shorter than esbuild makes it. */
async function shorten(file) {
  // No function of it uses `this`, and no property has a getter that does anything.
  const compress = { passes: 3, unsafe_arrows: true, pure_getters: true };
  const { code } = await minify(readFileSync(file, 'utf8'), { module: true, ecma: 2022, compress });
  writeFileSync(file, code);
}

const compiler = fileURLToPath(new URL('../node_modules/typescript-7/bin/tsc', import.meta.url));
const args = [compiler, '-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--singleThreaded'];

if (values.watch) {
  spawn(process.execPath, [...args, '--watch', '--preserveWatchOutput'], { stdio: 'inherit' });
  await bundle.watch();
} else {
  // AssemblyScript has its own compiler, which has put its output there.
  const stale = existsSync('dist') ? readdirSync('dist').filter((name) => !name.endsWith('.wasm')) : [];
  for (const name of stale) rmSync(join('dist', name), { recursive: true });
  copyFileSync(new URL('../LICENSE', import.meta.url), 'LICENSE');
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status === 0) await bundle.rebuild();
  if (status === 0 && values.standalone) await shorten('dist/index.js');
  await bundle.dispose();
  process.exitCode = status ?? 1;
}
