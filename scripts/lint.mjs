// Everything that is checked without running it, two checks at a time: style, types of sources and tests, format,
// who imports whom, what packages export, and that what npm would publish is sound. Prints what is wrong.
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './test-results.mjs';

const sources = readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'src'));

const checks = {
  prettier: ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  doors: ['../scripts/doors.mjs', '--check'],
  packages: ['../scripts/check-packages.mjs'],
  oxlint: ['oxlint/bin/oxlint', '-c', 'oxlint.config.mjs'],
  'who imports whom': ['dependency-cruiser/bin/dependency-cruise.mjs', '-T', 'err-long', ...sources],
  types: ['typescript-7/bin/tsc', '-p', '.', '--singleThreaded'],
  'what nobody uses': ['knip/bin/knip.js'],
  'length of lines': ['../scripts/line-lengths.mjs'],
};

/** On one thread, types take half the processor time: threads do not share what they find out. */
const env = { ...process.env, GOMAXPROCS: '1' };

function run(file, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', file), ...args], { cwd: root, env });
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
