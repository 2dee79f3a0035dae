// What processes take before they train: interleaved rounds in one run, medians.
//   npm run bench -- startup [--rounds 7]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ args: process.argv.slice(3), options: { rounds: { type: 'string', default: '7' } } });
const root = fileURLToPath(new URL('..', import.meta.url));
const stillhouse = join(root, 'packages/cli/dist/main.js');
const folder = mkdtempSync(join(tmpdir(), 'stillhouse-startup-'));
const recipe = join(folder, 'recipe.json');
writeFileSync(
  recipe,
  JSON.stringify({
    ranks: 2,
    data: { large: { generator: 'friedman1', rows: 200 }, test: { generator: 'friedman1', rows: 50, seed: 1 } },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 16, activation: 'relu' }, { dense: 1 }] }, epochs: 1 },
  }),
);

let runs = 0;
const evaluated = (code) => ['--input-type=module', '-e', code];
const run = (workers) => () => [
  stillhouse,
  'run',
  recipe,
  '--workers',
  workers,
  '--backend',
  'wasm',
  '--out',
  join(folder, `run-${runs++}`),
];
const contestants = {
  node: () => evaluated('0'),
  'TFJS by import': () => evaluated(`await import('@tensorflow/tfjs')`),
  'TFJS by require': () => evaluated(`await import('@stillhouse/native/tfjs')`),
  'stillhouse --version': () => [stillhouse, '--version'],
  'a job of 7 steps, 1 worker': run('1'),
  'a job of 7 steps, 2 workers': run('2'),
};

const seconds = new Map(Object.keys(contestants).map((name) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++)
  for (const [name, args] of Object.entries(contestants)) {
    const begin = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args(), { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${name}: exit ${status}: ${stderr}`);
    seconds.get(name).push((performance.now() - begin) / 1000);
  }
rmSync(folder, { recursive: true, force: true });

console.log(`| Node ${process.versions.node} | seconds, median of ${values.rounds} |\n| --- | ---: |`);
for (const [name, times] of seconds)
  console.log(`| ${name} | ${times.sort((a, b) => a - b)[times.length >> 1].toFixed(2)} |`);
