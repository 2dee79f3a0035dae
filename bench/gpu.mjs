// Everything about one GPU at once, the most important first: milliseconds of a training step next to PyTorch, copies,
// equal weights with several workers and a kill, whole runs, other precisions, WebGPU, what determinism costs.
//   node bench/main.mjs gpu [--budget 300] [--json FILE] [--parts table,copies,…] [--models tabular,mlp,…] [--tiny]
//     [--python PROGRAM] [--data FOLDER] [--backend tensorflow]
// It needs the built packages and the engine, neither npm nor a network. --tiny takes small models, on a processor too.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { path, python as ownPython } from './contestant.mjs';
import { interleaved } from './gpu/interleaved.mjs';
import { MeasuringProcess } from './gpu/measuring-process.mjs';
import { models, tiny } from './gpu/models.mjs';
import { printMachine } from './gpu/machine.mjs';
import { Report, shownMs, shownRate, shownRatio } from './gpu/report.mjs';
import { Images, Trainings } from './gpu/trainings.mjs';
import { scratchFolder } from './training/processes.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    budget: { type: 'string', default: '300' },
    json: { type: 'string' },
    parts: { type: 'string' },
    models: { type: 'string', default: models.map(({ name }) => name).join(',') },
    tiny: { type: 'boolean', default: false },
    python: { type: 'string', default: existsSync(ownPython) ? ownPython : 'python3' },
    data: { type: 'string', default: process.env.STILLHOUSE_DATA ?? path('../data') },
    backend: { type: 'string', default: 'tensorflow' },
  },
});

/** No process gets more time than is left of the budget. */
function limitMs(wantedMs) {
  const leftMs = Number(values.budget) * 1000 - performance.now();
  if (leftMs < 1000) throw new Error(`the budget of ${values.budget} s is used up (--budget)`);
  return Math.min(wantedMs, leftMs);
}

const report = new Report(values.json);
const limits = { repetitionMs: values.tiny ? 20 : 200, firstMs: 60_000, nextMs: 20_000 };
const peer = new MeasuringProcess('PyTorch', [values.python, path('gpu/torch_step.py')], { limitMs });
const folder = scratchFolder();
const wanted = values.models.split(',');
const chosen = models.filter(({ name }) => wanted.includes(name)).map((model) => (values.tiny ? tiny(model) : model));
const precisions = ['tf32', 'bf16'];

const newEngine = (env) =>
  new MeasuringProcess('stillhouse', [process.execPath, path('gpu/step.mjs')], { env, limitMs });
const stepsOf =
  (engine, question) =>
  (steps, wantedMs) =>
    engine.ask({ backend: values.backend, ...question, steps }, wantedMs);
const peerSteps = (question) => (steps, wantedMs) => peer.ask({ what: 'step', ...question, steps }, wantedMs);

/** What PyTorch is compared by, if it runs here. */
let hasPeer = false;
const peersOf = (question) =>
  hasPeer
    ? { eager: peerSteps({ how: 'eager', ...question }), graph: peerSteps({ how: 'graph', ...question }) }
    : {};

/** Measures a row of a table; explains its dashes. */
async function measureRow(part, { name, title, spec, precision = 'fp32' }, contestants, ownLimits = limits) {
  const results = await interleaved(contestants, ownLimits);
  for (const [who, { reason, notes }] of Object.entries(results))
    for (const text of [...(reason ? [reason] : []), ...(notes ?? [])])
      report.because(text, `${title} at ${spec.batch}, ${precision}, ${who}`);
  report.keep(part, { model: name, title, batch: spec.batch, precision, results });
  return (who) => results[who]?.ms;
}

/** Milliseconds of a step by model, of one rank in fp32. */
const stepMs = new Map();

const describe = ({ title, spec }) => [title, spec.batch.toLocaleString('en-US')];

async function table() {
  report.head('Milliseconds of a step in fp32: forward, backward and Adam', [
    ...['model', 'batch', 'Stillhouse, 1 rank', '2 ranks', 'split', 'PyTorch, eager', 'CUDA graph'],
    ...['times eager', 'times the graph', 'split to whole'],
  ]);
  for (const model of chosen) {
    const engine = newEngine();
    const { spec } = model;
    const ms = await measureRow('table', model, {
      'one rank': stepsOf(engine, { spec }),
      'two ranks': stepsOf(engine, { spec, ranks: 2 }),
      split: stepsOf(engine, { spec, isSplit: true }),
      ...peersOf({ spec, precision: 'fp32' }),
    });
    engine.end();
    stepMs.set(model.name, ms('one rank'));
    report.row([
      ...describe(model),
      ...['one rank', 'two ranks', 'split', 'eager', 'graph'].map((who) => shownMs(ms(who))),
      shownRatio(ms('one rank'), ms('eager')),
      shownRatio(ms('one rank'), ms('graph')),
      shownRatio(ms('one rank'), ms('split')),
    ]);
  }
}

async function copies() {
  const rates = await peer.ask({ what: 'copies', megabytes: values.tiny ? 1 : 100 }, limits.nextMs);
  report.keep('copies', rates);
  report.line(`\nCopies, by PyTorch, GB/s: ${Object.entries(rates).map(([way, rate]) => `${way} ${rate.toFixed(1)}`).join('; ')}`);
}

const trainings = new Trainings(new Images(folder, values.data), { backend: values.backend, isTiny: values.tiny, limitMs });

async function hashes() {
  const found = await trainings.hashes();
  report.keep('hashes', found);
  report.line(`\nWeights after 3 epochs on 2 ranks, CNN with dropout, ${trainings.images.title}, SHA-256: ${found.one}`);
  for (const [who, what] of Object.entries({ two: '2 workers', killed: '2 workers, one killed by SIGKILL' })) {
    const isEqual = found[who] === found.one;
    report.line(`- ${what}: ${isEqual ? 'equal to 1 worker' : `DIFFERENT from 1 worker: ${found[who]}`}`);
    if (!isEqual) process.exitCode = 1;
  }
}

async function run() {
  const cnn = chosen.find(({ name }) => name === 'cnn-1024');
  const ms = stepMs.get('cnn-1024');
  if (ms === undefined) throw new Error('there is no time of a step of cnn-1024 to compare it with');
  const found = await trainings.rowsPerSecond(ms);
  const ofStep = (cnn.spec.batch * 1000) / ms;
  report.keep('run', { ...found, ofStep });
  report.line(
    `\nA whole run of the CNN at ${describe(cnn)[1]}, 1 worker, ${trainings.images.title}, ${found.epochs} epochs: ` +
      `${shownRate(found.steady)} (median of the epochs after the first), ` +
      `${(found.steady / ofStep).toFixed(2)} of its step's ${shownRate(ofStep)}; ` +
      `${shownRate(found.phase)} with setting up and the test; a step waited ` +
      `${found.waitMsPerStep.toFixed(2)} ms for rows`,
  );
}

async function precision() {
  report.head('Milliseconds of a step in other precisions', [
    ...['model', 'batch', 'precision', 'Stillhouse', 'PyTorch, eager', 'CUDA graph', 'times eager', 'times the graph'],
  ]);
  for (const each of precisions)
    for (const model of chosen.toReversed()) {
      const engine = newEngine();
      const { spec } = model;
      const question = { spec, precision: each };
      const contestants = { 'one rank': stepsOf(engine, question), ...peersOf(question) };
      const ms = await measureRow('precision', { ...model, precision: each }, contestants);
      engine.end();
      const ratios = ['eager', 'graph'].map((who) => shownRatio(ms('one rank'), ms(who)));
      report.row([...describe(model), each, ...['one rank', 'eager', 'graph'].map((who) => shownMs(ms(who))), ...ratios]);
    }
}

async function webgpu() {
  report.head('Milliseconds of a step on `webgpu`', ['model', 'batch', '`webgpu`', 'times the engine above']);
  const cellMs = 20_000;
  for (const model of chosen.filter(({ name }) => ['tabular', 'mlp', 'cnn', 'cnn-1024'].includes(name))) {
    const engine = newEngine();
    const untilMs = performance.now() + cellMs;
    const take = stepsOf(engine, { spec: model.spec, backend: 'webgpu' });
    const bounded = (steps) => take(steps, Math.max(1, untilMs - performance.now()));
    const ms = await measureRow('webgpu', model, { webgpu: bounded });
    engine.end();
    report.row([...describe(model), shownMs(ms('webgpu')), shownRatio(ms('webgpu'), stepMs.get(model.name))]);
  }
}

async function determinism() {
  report.head('What deterministic kernels cost, milliseconds of a step', [
    ...['model', 'batch', 'deterministic', 'fastest', 'cost'],
  ]);
  for (const model of chosen.filter(({ name }) => ['mlp-1024', 'cnn-1024', 'huge'].includes(name))) {
    const [on, off] = ['1', '0'].map((flag) => newEngine({ TF_DETERMINISTIC_OPS: flag }));
    const { spec } = model;
    const ms = await measureRow('determinism', model, { on: stepsOf(on, { spec }), off: stepsOf(off, { spec }) });
    for (const engine of [on, off]) engine.end();
    const ratio = ms('on') / ms('off');
    const cost = Number.isFinite(ratio) ? `${((ratio - 1) * 100).toFixed(1)} %` : '–';
    report.row([...describe(model), shownMs(ms('on')), shownMs(ms('off')), cost]);
  }
}

const parts = { table, copies, hashes, run, precision, webgpu, determinism };
const asked = values.parts?.split(',') ?? Object.keys(parts);

hasPeer = await printMachine(report, { peer, isTiny: values.tiny });
for (const [name, part] of Object.entries(parts)) {
  if (!asked.includes(name) || (name === 'copies' && !hasPeer)) continue;
  try {
    await part();
  } catch (error) {
    report.line(`\n${name}: – (${error.message})`);
    report.keep(name, { reason: error.message });
  }
  report.reasons();
}
report.line(`\n${Math.round(performance.now() / 1000)} s of ${values.budget} s`);
process.exit();
