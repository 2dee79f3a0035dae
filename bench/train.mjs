// Rows per second of training by 1, 2 and 4 workers, next to PyTorch's DistributedDataParallel over gloo with as many
// processes: interleaved rounds in one run, medians. Fails if the weights differ between numbers of workers.
//   npm run bench -- train [--rounds 5] [--models mlp,cnn,attention,wide] [--workers 1,2,4] [--batch 128]
//     [--ranks 4] [--steps N] [--set 'KEY=VALUE;KEY=VALUE']… [--backend tensorflow] [--no-peers]
// Each --set is another row: the same recipe with these values. Ranks are by default as many as the most workers.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { has } from './contestant.mjs';
import { DdpGroup } from './training/ddp.mjs';
import { commandLine, countOf, printHead, printRow, ratios, withRange, workersText } from './training/figures.mjs';
import { titleOf, writeJob } from './training/job.mjs';
import { rateOf, resultOf, scratchFolder, startStillhouse } from './training/processes.mjs';
import { variantsOf, WeightHashes } from './training/variants.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    rounds: { type: 'string', default: '5' },
    models: { type: 'string', default: 'mlp,cnn,attention,wide' },
    workers: { type: 'string', default: '1,2,4' },
    batch: { type: 'string', default: '128' },
    ranks: { type: 'string' },
    steps: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    backend: { type: 'string', default: 'tensorflow' },
    'no-peers': { type: 'boolean', default: false },
  },
});
const counts = countOf(values.workers);
const [rounds, batch] = [Number(values.rounds), Number(values.batch)];
const ranks = Number(values.ranks ?? Math.max(...counts));
const warmSteps = 10;
/** About ten seconds of each on one core. */
const measuredSteps = { mlp: 300, cnn: 60, attention: 500, wide: 50, tiny: 3000 };
const variants = variantsOf(values.set);
const peers = values['no-peers'] || !has('torch') ? [] : ['PyTorch DDP'];
const folder = scratchFolder();
let runs = 0;

/** One run from its recipe to its record. */
async function train(recipe, { workers, settings }) {
  const out = join(folder, `run-${runs++}`);
  const args = ['run', recipe, '--workers', workers, '--backend', values.backend, '--out', out, '--json', '--quiet'];
  const options = { cwd: folder, env: { STILLHOUSE_PREPARED: join(folder, 'prepared') } };
  const running = startStillhouse([...args.map(String), ...settings, '--checkpoint-every', 'never'], options);
  const record = await resultOf(running, `${workersText(workers)}`);
  return { ...rateOf(out, { warmSteps, batch }), record };
}

async function measure(name) {
  const steps = Number(values.steps ?? measuredSteps[name]);
  const recipe = writeJob(folder, { name, batch, ranks, steps: warmSteps + steps });
  const groups = peers.length ? counts.map((workers) => new DdpGroup({ folder, name, batch, workers })) : [];
  for (const group of groups) await group.ready();
  const rates = Object.fromEntries([...Object.keys(variants), ...peers].map((who) => [who, counts.map(() => [])]));
  const hashes = new WeightHashes();
  const stepTimes = {};
  for (let round = 0; round < rounds; round++)
    for (const [i, workers] of counts.entries()) {
      const turns = [
        ...Object.entries(variants).map(([who, settings]) => async () => {
          const { rowsPerSecond, record } = await train(recipe, { workers, settings });
          hashes.add(who, workersText(workers), record.teacher.weightsSha256);
          if (record.stepTimes) stepTimes[`${who}, ${workersText(workers)}`] = record.stepTimes;
          rates[who][i].push(rowsPerSecond);
        }),
        ...groups.slice(i, i + 1).map((group) => async () => rates[peers[0]][i].push(await group.train(steps))),
      ];
      for (const turn of round % 2 ? turns.toReversed() : turns) await turn();
    }
  for (const group of groups) group.end();
  return { rates, stepTimes, hashes };
}

function print(name, { rates, stepTimes, hashes }) {
  console.log(
    `\n${titleOf(name)}, batch ${batch}, ${ranks} ranks, ${values.backend}: rows per second, median of ${rounds} ` +
      'interleaved rounds (range)\n',
  );
  printHead(['', ...counts.map(workersText), ...counts.slice(1).map((count) => `${count} to ${counts[0]}`)]);
  for (const [who, rate] of Object.entries(rates))
    printRow([who, ...rate.map(withRange), ...rate.slice(1).map((each) => ratios(each, rate[0]))]);
  for (const who of peers.length ? Object.keys(variants) : [])
    printRow([
      `${who}, times DDP`,
      ...rates[who].map((rate, i) => ratios(rate, rates[peers[0]][i])),
      ...counts.slice(1).map(() => ''),
    ]);
  console.log();
  for (const [who, { computeMs, exchangeMs }] of Object.entries(stepTimes))
    console.log(
      `${who}: a step computes for ${computeMs.toFixed(1)} ms, then exchanges for ${exchangeMs.toFixed(1)} ms`,
    );
  hashes.print();
}

console.log(commandLine());
for (const name of values.models.split(',')) print(name, await measure(name));
process.exit();
