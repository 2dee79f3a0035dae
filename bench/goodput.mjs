// Goodput under failures: the time to a number of steps while one process is killed every so often, against the same
// run without kills; Stillhouse, torchrun with checkpoints, and torchft, in turns. Fails if Stillhouse's weights
// differ.
//   npm run bench -- goodput [--rounds 3] [--model mlp] [--steps 5000] [--processes 4] [--every 20] [--batch 128]
//     [--checkpoint 10] [--limit 1800] [--set 'KEY=VALUE;KEY=VALUE']… [--backend tensorflow]
//     [--peers torchrun,torchft]
// Times are in seconds, from the tenth step to the last one; ∞ is not done within the limit. Peers come from .venv
// (torch, torchft).
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { has } from './contestant.mjs';
import { startRun, startTorchft, startTorchrun } from './goodput/contestants.mjs';
import { commandLine, printHead, printRow, ratios, withRange } from './training/figures.mjs';
import { titleOf, writeJob } from './training/job.mjs';
import { scratchFolder } from './training/processes.mjs';
import { variantsOf, WeightHashes } from './training/variants.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    rounds: { type: 'string', default: '3' },
    model: { type: 'string', default: 'mlp' },
    steps: { type: 'string', default: '5000' },
    processes: { type: 'string', default: '4' },
    every: { type: 'string', default: '20' },
    batch: { type: 'string', default: '128' },
    checkpoint: { type: 'string', default: '10' },
    limit: { type: 'string', default: '1800' },
    set: { type: 'string', multiple: true, default: [] },
    backend: { type: 'string', default: 'tensorflow' },
    peers: { type: 'string', default: 'torchrun,torchft' },
  },
});
const { model, backend } = values;
const [rounds, steps, workers, everySeconds, batch, checkpointSeconds] = [
  values.rounds,
  values.steps,
  values.processes,
  values.every,
  values.batch,
  values.checkpoint,
].map(Number);
const warmSteps = 10;
const folder = scratchFolder();
const recipe = writeJob(folder, { name: model, batch, ranks: workers, steps, stepsPerEpoch: 500 });
let runs = 0;

const peers = {
  ...(has('torch') ? { torchrun: startTorchrun } : {}),
  ...(has('torchft') ? { torchft: startTorchft } : {}),
};
const contestants = {
  ...Object.fromEntries(
    Object.entries(variantsOf(values.set)).map(([who, settings]) => [who, (job) => startRun({ ...job, settings })]),
  ),
  ...Object.fromEntries(Object.entries(peers).filter(([name]) => values.peers.split(',').includes(name))),
};

/** Kills one process after the other until the training is over; returns how many. */
async function killOneByOne({ victims }, { firstMs, over }) {
  let [kills, isOver] = [0, false];
  void over.then(() => (isOver = true));
  for (;;) {
    const nextMs = firstMs + (kills + 1) * everySeconds * 1000;
    await Promise.race([delay(Math.max(0, nextMs - Date.now())), over]);
    if (isOver) return kills;
    const living = victims().toSorted((a, b) => a.name.localeCompare(b.name));
    // All of them may be about to start again.
    if (living.length > 0) process.kill(living[kills % living.length].pid, 'SIGKILL');
    kills += 1;
  }
}

/** One training, with or without kills; its seconds are infinite if it is not done within the limit. */
async function train(start, isKilled) {
  const own = join(folder, `run-${runs++}`);
  mkdirSync(own);
  const running = await start({ recipe, folder: own, model, batch, steps, workers, checkpointSeconds, backend });
  let [isOver, isLate] = [false, false];
  const limit = setTimeout(
    () => {
      isLate = true;
      running.end();
    },
    Number(values.limit) * 1000,
  );
  const result = running.result.then(
    (each) => each,
    (error) => {
      if (isLate) return { isUndone: true };
      throw error;
    },
  );
  const over = result.finally(() => (isOver = true)).catch(() => {});
  const at = (step) => running.progress().find((report) => report.step >= step)?.atMs;
  while (!isOver && at(warmSteps) === undefined) await Promise.race([delay(100), over]);
  const firstMs = at(warmSteps);
  const isKillable = isKilled && firstMs !== undefined;
  const killing = isKillable ? killOneByOne(running, { firstMs, over }) : 0;
  const [{ hash, isUndone }, kills] = await Promise.all([result, killing]);
  clearTimeout(limit);
  const lastMs = at(steps);
  const seconds = isUndone || lastMs === undefined ? Infinity : (lastMs - firstMs) / 1000;
  rmSync(own, { recursive: true, force: true });
  return { seconds, kills, hash };
}

console.log(commandLine());
const results = Object.fromEntries(Object.keys(contestants).map((who) => [who, { calm: [], killed: [], kills: [] }]));
const hashes = new WeightHashes();
for (let round = 0; round < rounds; round++)
  for (const [who, start] of Object.entries(contestants))
    for (const isKilled of round % 2 ? [true, false] : [false, true]) {
      const { seconds, kills, hash } = await train(start, isKilled);
      results[who][isKilled ? 'killed' : 'calm'].push(seconds);
      if (isKilled) results[who].kills.push(kills);
      console.error(`${who}, ${isKilled ? `${kills} kills` : 'no kills'}: ${seconds.toFixed(1)} s`);
      if (hash) hashes.add(who, isKilled ? `a run with ${kills} kills` : 'a run without kills', hash);
    }
console.log(
  `\n${titleOf(model)}, batch ${batch}, ${workers} processes, ${steps} steps: seconds, median of ${rounds} rounds ` +
    `(range); a process is killed every ${everySeconds} s, and peers with checkpoints write one every ` +
    `${checkpointSeconds} s\n`,
);
printHead(['', 'without kills', 'with kills', 'kills', 'times the run without kills']);
for (const [who, { calm, killed, kills }] of Object.entries(results))
  printRow([who, withRange(calm), withRange(killed), withRange(kills), ratios(killed, calm)]);
console.log();
hashes.print();
process.exit();
