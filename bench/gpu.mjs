// Everything about one GPU at once, the most important first: milliseconds of a training step next to PyTorch, copies,
// equal weights with several workers and a kill, whole runs, other precisions, WebGPU, what determinism costs.
//   node bench/main.mjs gpu [--budget 300] [--json FILE] [--parts table,copies,…] [--models tabular,mlp,…] [--tiny]
//     [--python PROGRAM] [--data FOLDER] [--backend tensorflow]
// Needs the built packages and an engine, but neither npm nor a network. --tiny has small models, for any processor.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { path, python } from './contestant.mjs';
import { printMachine } from './gpu/machine.mjs';
import { MeasuringProcess } from './gpu/measuring-process.mjs';
import { models, tiny } from './gpu/models.mjs';
import { Report, shownRate } from './gpu/report.mjs';
import { Steps } from './gpu/steps.mjs';
import { Images, Trainings } from './gpu/trainings.mjs';
import { commandLine } from './training/figures.mjs';
import { scratchFolder } from './training/processes.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    budget: { type: 'string', default: '300' },
    json: { type: 'string' },
    parts: { type: 'string' },
    models: { type: 'string' },
    tiny: { type: 'boolean', default: false },
    python: { type: 'string', default: existsSync(python) ? python : 'python3' },
    data: { type: 'string', default: process.env.STILLHOUSE_DATA ?? path('../data') },
    backend: { type: 'string', default: 'tensorflow' },
  },
});
const { backend, tiny: isTiny } = values;
const isNamed = (name) => values.models?.split(',').includes(name) ?? true;
const chosen = models.filter(({ name }) => isNamed(name)).map((model) => (isTiny ? tiny(model) : model));

/** No process gets more time than is left. */
function limitMs(wantedMs) {
  const leftMs = Number(values.budget) * 1000 - performance.now();
  if (leftMs < 1000) throw new Error(`the ${values.budget} s of --budget are over`);
  return Math.min(wantedMs, leftMs);
}

const report = new Report(values.json);
const torch = new MeasuringProcess('PyTorch', [values.python, path('gpu/torch_step.py')], { limitMs });
report.line(commandLine());
const peer = (await printMachine(report, { torch, isTiny })) ? torch : undefined;
const steps = new Steps({ report, models: chosen, peer, backend, isTiny, limitMs });
const images = new Images(scratchFolder(), values.data);
const trainings = new Trainings(images, { backend, isTiny, limitMs });

async function copies() {
  if (!peer) return;
  const rates = await peer.ask({ what: 'copies', megabytes: isTiny ? 1 : 100 }, 20_000);
  report.keep('copies', rates);
  const all = Object.entries(rates).map(([way, rate]) => `${way} ${rate.toFixed(1)}`);
  report.line(`\nCopies by PyTorch, GB/s: ${all.join('; ')}`);
}

async function hashes() {
  const found = await trainings.hashes();
  report.keep('hashes', found);
  report.line(`\nWeights after 3 epochs on 2 ranks, CNN with dropout, ${images.title}, 1 worker: ${found.one}`);
  for (const [who, what] of Object.entries({ two: '2 workers', killed: '2 workers, one killed by SIGKILL' })) {
    const isEqual = found[who] === found.one;
    report.line(`${what}: ${isEqual ? 'equal' : `DIFFERENT: ${found[who]}`}`);
    if (!isEqual) process.exitCode = 1;
  }
}

async function run() {
  const found = await trainings.rowsPerSecond(steps.msOf('cnn-1024'));
  report.keep('run', found);
  const { batch, epochs, steady, ofStep, phase, waitMsPerStep } = found;
  const compared = ofStep ? `, ${(steady / ofStep).toFixed(2)} of its step's ${shownRate(ofStep)}` : '';
  report.line(
    `\nA whole run of the CNN at ${batch.toLocaleString('en-US')}, 1 worker, ${epochs} epochs of ${images.title}: ` +
      `${shownRate(steady)} (median of the epochs after the first)${compared}; ${shownRate(phase)} with setting up ` +
      `and the test; a step waits ${waitMsPerStep.toFixed(2)} ms for rows`,
  );
}

const parts = {
  table: () => steps.table(),
  copies,
  hashes,
  run,
  precision: () => steps.precision(),
  webgpu: () => steps.webgpu(),
  determinism: () => steps.determinism(),
};
for (const [name, part] of Object.entries(parts)) {
  if (values.parts?.split(',').includes(name) === false) continue;
  try {
    await part();
  } catch (error) {
    report.keep(name, { reason: error.message });
    report.line(`\n${name}: – (${error.message})`);
  }
  report.explain();
}
report.line(`\n${Math.round(performance.now() / 1000)} s`);
process.exit();
