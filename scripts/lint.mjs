// Everything that is checked without running it, two checks at a time: style and architecture, types,
// format, rooms and circles, what packages export, and that what npm would publish is sound. Prints what is wrong.
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './test-results.mjs';

const sources = readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'src'));

/** ESLint reads the types of all packages once for all of them: that is most of its time. */
const checks = {
  eslint: ['eslint/bin/eslint.js', ...sources, 'test', 'bench', 'scripts', 'eslint.config.js', 'vitest.config.ts'],
  // On one thread it takes half the processor time: threads do not share what they find out.
  types: ['typescript-7/bin/tsc', '-p', '.', '--singleThreaded'],
  prettier: ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  'who imports whom': ['dependency-cruiser/bin/dependency-cruise.mjs', '-T', 'err-long', ...sources],
  'what nobody uses': ['knip/bin/knip.js'],
  doors: ['../scripts/doors.mjs', '--check'],
  packages: ['../scripts/check-packages.mjs'],
};

function run(file, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', file), ...args], { cwd: root });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.on('close', (code) => resolve({ code, text: Buffer.concat(output).toString() }));
  });
}

const waiting = Object.entries(checks);
async function runWaiting() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [name, [file, ...args]] = next;
    const { code, text } = await run(file, args);
    console.log(code === 0 ? `${name}: good` : `${name}:\n${text}`);
    if (code !== 0) process.exitCode = 1;
  }
}
await Promise.all([runWaiting(), runWaiting()]);
