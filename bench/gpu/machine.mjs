// What the figures were measured on: card, driver, date, versions.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { path } from '../contestant.mjs';

/** Name, driver and memory of each GPU, as nvidia-smi prints them. */
function cards() {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 10_000 });
  return status === 0 ? stdout.trim().split('\n') : [];
}

/** @returns whether PyTorch is there */
export async function printMachine(report, { torch, isTiny }) {
  const [processor] = cpus();
  const { version } = JSON.parse(readFileSync(path('../packages/stillhouse/package.json'), 'utf8'));
  const machine = {
    date: new Date().toISOString(),
    cards: cards(),
    processor: `${processor?.model.trim()}, ${cpus().length} cores`,
    versions: `stillhouse ${version}, Node ${process.versions.node}`,
    ...(isTiny ? { tiny: 'small models, whose times say nothing about a GPU' } : {}),
  };
  const { error, ...peer } = await torch
    .ask({ what: 'versions' }, 60_000)
    .catch(({ message }) => ({ error: message.split('\n').at(-1) }));
  machine.peer = error
    ? `– (${error}): its columns stay empty; install it for that Python (pip install torch numpy), or name another ` +
      'with --python'
    : `PyTorch ${peer.torch}, CUDA ${peer.cuda ?? '–'}, cuDNN ${peer.cudnn ?? '–'}, on ${peer.device}`;
  report.keep('machine', machine);
  for (const [what, text] of Object.entries(machine))
    report.line(`${what}: ${Array.isArray(text) ? text.join('; ') || '– (no nvidia-smi)' : text}`);
  return error === undefined;
}
