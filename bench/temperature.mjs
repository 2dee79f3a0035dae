// Temperatures that are fixed, change, or are learnt, in a plain PyTorch loop of examples/mnist: what is worth building
// in. npm run bench -- temperature [--seeds 5] [--data FOLDER] Needs PyTorch in .venv (python3 -m venv .venv &&
// .venv/bin/pip install torch numpy), and the data.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '5' },
    data: { type: 'string', default: process.env.STILLHOUSE_DATA ?? join(root, 'data') },
  },
});
const python = join(root, '.venv/bin/python');
if (!existsSync(python))
  throw new Error('PyTorch is missing: python3 -m venv .venv && .venv/bin/pip install torch numpy');
const { status, stdout, stderr } = spawnSync(
  python,
  [join(root, 'bench/temperature/peer.py'), join(values.data, 'mnist'), values.seeds],
  { encoding: 'utf8' },
);
if (status !== 0) throw new Error(stderr);

console.log('| temperature | test errors, mean | of each seed |\n| --- | --- | --- |');
for (const [way, errors] of Object.entries(JSON.parse(stdout)))
  console.log(
    `| ${way} | ${Math.round(errors.reduce((sum, value) => sum + value, 0) / errors.length)} | ${errors.join(', ')} |`,
  );
