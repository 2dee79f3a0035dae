// Memory of workers: what a large model takes beyond weights and optimiser state, and whether it is flat over steps.
//   npm run bench -- memory [--parts bound,flat] [--model wide] [--workers 2] [--batch 128] [--bound-steps 30]
//     [--steps 10000] [--set 'KEY=VALUE;KEY=VALUE'] [--backend tensorflow]
// Fails if a worker takes more than three times the parameters' bytes beyond them, or if it grows by more than 5 %.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { parseArgs } from 'node:util';
import { median } from './contestant.mjs';
import { commandLine, printHead, printRow, workersText } from './training/figures.mjs';
import { titleOf, writeJob } from './training/job.mjs';
import { eventsOf, resultOf, scratchFolder, startStillhouse, workersOf } from './training/processes.mjs';
import { variantsOf } from './training/variants.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    parts: { type: 'string', default: 'bound,flat' },
    model: { type: 'string', default: 'wide' },
    workers: { type: 'string', default: '2' },
    batch: { type: 'string', default: '128' },
    'bound-steps': { type: 'string', default: '30' },
    steps: { type: 'string', default: '10000' },
    set: { type: 'string', default: '' },
    backend: { type: 'string', default: 'tensorflow' },
  },
});
const [workers, batch, boundSteps, steps] = ['workers', 'batch', 'bound-steps', 'steps'].map((key) =>
  Number(values[key]),
);
const settings = values.set ? Object.values(variantsOf([values.set])).at(-1) : [];
const folder = scratchFolder();
const small = 'tiny';
const allowed = { timesParameters: 3, growth: 0.05 };
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
let runs = 0;

const fieldOf = (text, name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);

/** What WebAssembly can address, which V8 reserves for a memory that may grow. */
const reservedBytes = 2 ** 32;

/** Size of the flat memory: the largest range of pages in use at the start of a reservation of 4 GiB. */
function flatBytesOf(maps) {
  let [largest, begin, end] = [0, 0, 0];
  for (const line of maps.trim().split('\n')) {
    const [, from, to, access] = /^([\da-f]+)-([\da-f]+) (\S+)/.exec(line);
    const [first, last] = [from, to].map((text) => Number.parseInt(text, 16));
    if (!access.startsWith('---')) begin = first === end ? begin : first;
    else if (first === end && last - begin >= reservedBytes) largest = Math.max(largest, end - begin);
    end = access.startsWith('---') ? 0 : last;
  }
  return largest;
}

/** What a process has now and had at most, in bytes. */
function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    residentBytes: fieldOf(status, 'VmRSS'),
    peakBytes: fieldOf(status, 'VmHWM'),
    sharedBytes: fieldOf(status, 'RssShmem'),
    flatBytes: flatBytesOf(readFileSync(`/proc/${pid}/maps`, 'utf8')),
  };
}

/** Trains, and looks at the workers' memory four times a second. */
async function watch(name, job) {
  const recipe = writeJob(folder, { name, batch, ranks: workers, ...job });
  const out = join(folder, `run-${runs++}`);
  const args = ['--workers', String(workers), '--backend', values.backend, '--out', out, '--checkpoint-every', 'never'];
  const running = startStillhouse(['run', recipe, ...args, ...settings, '--json', '--quiet'], {
    cwd: folder,
    env: { STILLHOUSE_PREPARED: join(folder, 'prepared') },
  });
  const samples = [];
  const timer = setInterval(() => {
    const step = eventsOf(out).findLast(({ type }) => type === 'progress')?.step;
    if (step === undefined) return;
    for (const { name: worker, pid } of workersOf(running)) {
      try {
        samples.push({ worker, step, ...memoryOf(pid) });
      } catch {
        // It has ended.
      }
    }
  }, 250);
  const record = await resultOf(running, workersText(workers)).finally(() => clearInterval(timer));
  return { samples, record };
}

const most = (samples, key) => Math.max(...samples.map((sample) => sample[key]));

/** A large model, next to the same training of a small one. */
async function bound() {
  const idle = await watch(small, { steps: boundSteps * 10, stepsPerEpoch: boundSteps });
  const large = await watch(values.model, { steps: boundSteps });
  const { parameters } = large.record.teacher;
  const bytes = 4 * parameters;
  /** What the larger worker takes: while it trains, and at most, which building and sending the model may need. */
  const takes = ({ samples }) => {
    const byWorker = [...new Set(samples.map(({ worker }) => worker))].map((worker) =>
      samples.filter((sample) => sample.worker === worker),
    );
    return {
      'while it trains': Math.max(...byWorker.map((own) => median(own.map(({ residentBytes }) => residentBytes)))),
      'at most': most(samples, 'peakBytes'),
    };
  };
  const [own, other] = [takes(large), takes(idle)];
  console.log(
    `\n${titleOf(values.model)}, ${workersText(workers)}, batch ${batch}, Adam, ${values.backend}: memory of the ` +
      `larger worker\n`,
  );
  printHead(['', 'bytes', "times the parameters'"]);
  const row = (what, value) => printRow([what, megabytes(value), (value / bytes).toFixed(2)]);
  row('parameters, fp32', bytes);
  row('flat memory', most(large.samples, 'flatBytes'));
  row('resident and shared with other processes', most(large.samples, 'sharedBytes'));
  const beyond = Object.keys(own).map((when) => [when, own[when] - other[when] - 3 * bytes]);
  for (const [when, rest] of beyond) {
    row(`resident, ${when}`, own[when]);
    row(`the same with ${titleOf(small)}, ${when}`, other[when]);
    row(`beyond that, the weights and two moments, ${when}`, rest);
  }
  for (const [when, rest] of beyond)
    judge(
      rest <= allowed.timesParameters * bytes,
      `at most ${allowed.timesParameters} times the parameters' bytes beyond weights and moments, ${when}`,
    );
}

/** A small model for many steps. */
async function flat() {
  const { samples } = await watch(small, { steps, stepsPerEpoch: Math.min(500, steps) });
  const tenths = Array.from({ length: 10 }, (_, i) =>
    samples.filter(({ step }) => Math.min(9, Math.floor((10 * step) / steps)) === i),
  );
  const of = (tenth, key) => (tenth.length ? median(tenth.map((sample) => sample[key])) : NaN);
  console.log(`\n${titleOf(small)}, ${workersText(workers)}, ${values.backend}: memory of a worker, median of all\n`);
  printHead(['steps', 'resident', 'flat memory']);
  for (const [i, tenth] of tenths.entries())
    printRow([
      `${(steps * i) / 10}–${(steps * (i + 1)) / 10}`,
      megabytes(of(tenth, 'residentBytes')),
      megabytes(of(tenth, 'flatBytes')),
    ]);
  // The first steps warm caches and compiled code.
  const [before, after] = [tenths[2], tenths[9]].map((tenth) => of(tenth, 'residentBytes'));
  const growth = after / before - 1;
  judge(growth <= allowed.growth, `grows by at most ${100 * allowed.growth} %: ${(100 * growth).toFixed(1)} %`);
}

function judge(isGood, what) {
  console.log(`\n${isGood ? 'good' : 'MISSED'}: ${what}`);
  if (!isGood) process.exitCode = 1;
}

console.log(commandLine());
const parts = { bound, flat };
for (const part of values.parts.split(',')) await parts[part]();
process.exit();
