// What faults cost, measured on real processes of this machine: npm run bench -- reliability [--rounds 5] [--only kill]
//   kill        time from SIGKILL of a worker to the next step that is done, and from SIGSTOP with a heartbeat timeout
//   heal        time to heal a worker that joins, by the size of its state
//   away        steps taken while the coordinator is away
//   checkpoint  how long a checkpoint keeps the thread that trains, against a step
//   order       a step whose ranks are summed in the fixed tree, against one that sums them as they arrive
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { randomStream } from '@stillhouse/core';
import { Collective, nodeSums, sumSubtree } from '@stillhouse/core/cluster';
import { allocateFlat } from '@stillhouse/worker/light';
import { engineStep } from './step/engine-step.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    backend: { type: 'string', default: 'auto' },
  },
});
const rounds = Number(values.rounds);
const main = fileURLToPath(new URL('../packages/cli/dist/main.js', import.meta.url));
const workerProcess = fileURLToPath(new URL('../packages/stillhouse/dist/worker-process.js', import.meta.url));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const folder = mkdtempSync(join(tmpdir(), 'stillhouse-reliability-'));
const env = { ...process.env, STILLHOUSE_TOKEN: 'secret' };
let count = 0;

/** A multilayer perceptron on the Friedman function, trained longer than any measurement takes. */
const recipeOf = (widths, batch = 128) => ({
  ranks: 4,
  loss: 'mse',
  data: { large: { generator: 'friedman1', rows: 100_000 }, test: { generator: 'friedman1', rows: 64 } },
  teacher: {
    model: { layers: [...widths.map((dense) => ({ dense, activation: 'relu' })), { dense: 1 }] },
    epochs: 1000,
    batch,
    optimizer: { name: 'adam' },
  },
});

class Cluster {
  constructor(recipe, args = []) {
    this.out = join(folder, `run-${count++}`);
    this.recipe = join(folder, `recipe-${count}.yaml`);
    writeFileSync(this.recipe, stringify(recipe));
    this.args = args;
    this.workers = [];
  }

  async start(workers) {
    await this.coordinate([
      'coordinator',
      this.recipe,
      '--listen',
      '127.0.0.1:0',
      '--workers',
      String(workers),
      '--out',
      this.out,
      ...this.args,
    ]);
    for (let i = 0; i < workers; i++) this.join();
    await this.until(({ type }) => type === 'progress');
    // Recorded graphs, caches and the like.
    await delay(3000);
  }

  async coordinate(args) {
    this.coordinator = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.address = await new Promise((resolve) => {
      let text = '';
      this.coordinator.stderr.on('data', (chunk) => {
        text += chunk;
        const match = /ws:\S+:\d+/.exec(text);
        if (match) resolve(match[0]);
      });
    });
  }

  join() {
    // Without the process that watches it, so that a signal reaches the worker itself.
    const log = join(folder, `worker-${count++}.log`);
    const settings = { coordinators: [this.address], backend: values.backend, logFile: log };
    const child = spawn(process.execPath, [workerProcess, JSON.stringify(settings)], { env, stdio: 'ignore' });
    this.workers.push({ child, log });
    return this.workers.at(-1);
  }

  events() {
    const path = join(this.out, 'events.jsonl');
    return existsSync(path)
      ? readFileSync(path, 'utf8')
          .split('\n')
          .filter((line) => line.endsWith('}'))
          .map((line) => JSON.parse(line))
      : [];
  }

  /** The first event after a time that fits. */
  async until(fits, sinceMs = 0) {
    for (let tries = 0; tries < 6000; tries++) {
      const event = this.events().find((each) => Date.parse(each.at) >= sinceMs && fits(each));
      if (event) return event;
      await delay(10);
    }
    throw new Error('it did not happen within a minute');
  }

  stop() {
    for (const { child } of this.workers) child.kill('SIGKILL');
    this.coordinator.kill('SIGKILL');
  }
}

const heartbeatTimeoutMs = 3000;

async function kill() {
  for (const [signal, what] of [
    ['SIGKILL', 'killed'],
    ['SIGSTOP', `stopped, heartbeat timeout ${heartbeatTimeoutMs / 1000} s`],
  ]) {
    const times = [];
    for (let round = 0; round < rounds; round++) {
      const cluster = new Cluster(recipeOf([512, 512]), ['--heartbeat-timeout', String(heartbeatTimeoutMs / 1000)]);
      await cluster.start(2);
      const since = Date.now();
      cluster.workers[round % 2].child.kill(signal);
      const resumed = await cluster.until(({ type }) => type === 'resumed', since);
      const step = await cluster.until(({ type }) => type === 'progress', Date.parse(resumed.at));
      times.push(Date.parse(step.at) - since);
      cluster.stop();
    }
    console.log(
      `a worker of two is ${what}: ${median(times)} ms to the next step that is done (median of ${rounds}; ` +
        `${times.join(', ')})`,
    );
  }
}

async function heal() {
  for (const widths of [
    [1000, 1000],
    [2000, 4000],
  ]) {
    const times = [];
    let bytes = 0;
    for (let round = 0; round < rounds; round++) {
      const cluster = new Cluster(recipeOf(widths));
      await cluster.start(1);
      const since = Date.now();
      const { log } = cluster.join();
      const assigned = await cluster.until(
        ({ type, reason }) => type === 'phaseAssigned' && reason.includes('healed'),
        since,
      );
      const resumed = await cluster.until(({ type }) => type === 'resumed', Date.parse(assigned.at));
      times.push(Date.parse(resumed.at) - Date.parse(assigned.at));
      bytes = Number(/took over .* (\d+) bytes/.exec(readFileSync(log, 'utf8'))[1]);
      cluster.stop();
    }
    console.log(
      `a worker joins, ${(bytes / 1e6).toFixed(1)} MB of state: training rests for ${median(times)} ms, ` +
        `${Math.round(median(times) / (bytes / 1e8))} ms per 100 MB (median of ${rounds}; ${times.join(', ')})`,
    );
  }
}

async function away() {
  const cluster = new Cluster(recipeOf([512, 512]));
  await cluster.start(2);
  const before = cluster
    .events()
    .filter(({ type }) => type === 'progress')
    .at(-1);
  cluster.coordinator.kill('SIGKILL');
  await delay(5000);
  await cluster.coordinate(['coordinator', '--resume', cluster.out]);
  const after = await cluster.until(({ type, step }) => type === 'progress' && step > before.step, Date.now() - 1000);
  const paused = cluster.events().some(({ type, at }) => type === 'pausing' && Date.parse(at) > Date.parse(before.at));
  console.log(
    `the coordinator is away for ${((Date.parse(after.at) - Date.parse(before.at)) / 1000).toFixed(1)} s: ` +
      `${after.step - before.step} steps were taken meanwhile; its successor ` +
      `${paused ? 'made a new generation' : 'disturbed nobody'}`,
  );
  cluster.stop();
}

/** Steps per second, in turns with checkpoints as often as possible and without any. */
async function checkpoint() {
  for (const [workers, batch] of [
    [1, 64],
    [2, 128],
    [2, 2048],
  ]) {
    const measured = [];
    for (let round = 0; round < rounds; round++) {
      const result = {};
      for (const every of round % 2 ? ['never', '0.5'] : ['0.5', 'never']) {
        const cluster = new Cluster(recipeOf([1000, 1000], batch), ['--checkpoint-every', every]);
        await cluster.start(workers);
        await delay(8000);
        const progress = cluster
          .events()
          .filter(({ type }) => type === 'progress')
          .slice(5);
        const ms = Date.parse(progress.at(-1).at) - Date.parse(progress[0].at);
        const taken = cluster
          .events()
          .filter(({ type, at }) => type === 'checkpoint' && Date.parse(at) > Date.parse(progress[0].at));
        const copies = cluster.workers
          .flatMap(({ log }) => readFileSync(log, 'utf8').split('\n'))
          .filter((line) => line.includes('for a checkpoint'))
          .map((line) => JSON.parse(line))
          .map(({ busyMs, waitedMs }) => busyMs + waitedMs);
        result[every] = {
          stepMs: ms / (progress.at(-1).step - progress[0].step),
          steps: progress.at(-1).step - progress[0].step,
          taken: taken.length,
          bytes: taken[0]?.record.bytes ?? 0,
          copies,
        };
        cluster.stop();
      }
      const { stepMs, steps, taken, bytes, copies } = result['0.5'];
      const without = result.never.stepMs;
      measured.push({ pauseMs: ((stepMs - without) * steps) / taken, without, bytes, copies });
    }
    const of = (key) => median(measured.map((each) => each[key]));
    const copies = measured.flatMap((each) => each.copies).sort((a, b) => a - b);
    const [half, most] = [0.5, 0.9].map((share) => copies[Math.floor(copies.length * share)]);
    console.log(
      `a checkpoint of ${(of('bytes') / 1e6).toFixed(1)} MB, ` +
        `${workers === 1 ? 'one worker' : `${workers} workers`}, ${of('without').toFixed(1)} ms a step: it keeps ` +
        `the thread that trains for ${half.toFixed(1)} ms, ${((100 * half) / of('without')).toFixed(1)} % of one ` +
        `step (mean ${(copies.reduce((sum, ms) => sum + ms, 0) / copies.length).toFixed(1)} ms, 90th ` +
        `percentile ${most.toFixed(1)} ms, ${copies.length} checkpoints); ${of('pauseMs').toFixed(0)} ms are lost a ` +
        `checkpoint in all, coordinator and disk on the same cores included (median of ${rounds}; ` +
        `${measured.map(({ pauseMs }) => pauseMs.toFixed(0)).join(', ')})`,
    );
  }
}

/** Numbers of each of 8 ranks, and two workers with four ranks each, in one process. */
const length = 2_395_210;
const spans = [
  { lo: 0, hi: 4 },
  { lo: 4, hi: 8 },
];

function twoWorkers() {
  return spans.map((span, self) => {
    const { buffers, sums: memory } = allocateFlat([length]);
    const [out] = buffers;
    const collective = new Collective({ generation: 1, ranks: 8, members: spans, self, out, memory, op: 0 });
    return { span, out, memory, collective, sum: collective.partials[0], scratch: collective.rankScratch };
  });
}

/** Partial sums go from hand to hand. */
async function sumInTree(workers, write) {
  const sent = [];
  for (const [self, { span, memory, collective, sum, scratch }] of workers.entries()) {
    await sumSubtree(span, sum, { write, scratch, ...nodeSums(memory, { format: 'fp32', count: 0 }) });
    sent.push(...collective.contribute(0).map((each) => ({ ...each, from: self })));
  }
  // What they answer comes behind.
  for (const { to, from, frame } of sent) {
    const { collective } = workers[to];
    const place = collective.place(from, frame.header);
    place.set(frame.data);
    sent.push(...collective.receive(from, frame.header, place).map((each) => ({ ...each, from: to })));
  }
  if (!workers.every(({ collective }) => collective.gradientsWhole)) throw new Error('not whole');
  for (const { collective } of workers) collective.advance();
}

/** Half of the buffer for each, as each worker owns a segment. */
const halfOf = (self, numbers) => numbers.subarray(self && length / 2, length / (2 - self));

async function sumAsTheyArrive(workers, write) {
  for (const { span, memory, sum, scratch } of workers) {
    await write(span.lo, sum);
    for (let rank = span.lo + 1; rank < span.hi; rank++) {
      await write(rank, scratch[0]);
      memory.add(sum, scratch[0], sum);
    }
  }
  for (const [self, { memory, out, sum, scratch }] of workers.entries()) {
    const received = halfOf(self, scratch[0]);
    received.set(halfOf(self, workers[1 - self].sum));
    memory.add(halfOf(self, sum), received, halfOf(self, out));
  }
  for (const [self, { out }] of workers.entries()) halfOf(1 - self, out).set(halfOf(1 - self, workers[1 - self].out));
}

async function order() {
  const spec = JSON.parse(readFileSync(new URL('./step/models.json', import.meta.url), 'utf8')).mlp;
  const { once: step } = await engineStep(spec, { backend: values.backend, trace: true });
  const next = randomStream(7);
  const gradients = Array.from({ length: 8 }, () => Float32Array.from({ length }, () => next() - 0.5));
  const workers = twoWorkers();
  const write = async (rank, into) => into.set(gradients[rank]);
  const tree = () => sumInTree(workers, write);
  const arrival = () => sumAsTheyArrive(workers, write);
  const timed = async (work) => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
  const times = { tree: [], arrival: [], step: [] };
  for (let round = 0; round < rounds * 8 + 4; round++) {
    const [a, b] = round % 2 ? [tree, arrival] : [arrival, tree];
    const [first, second] = [await timed(a), await timed(b)];
    const compute = await timed(step);
    if (round < 4) continue;
    times[a.name].push(first);
    times[b.name].push(second);
    times.step.push(compute);
  }
  const [treeMs, arrivalMs, stepMs] = [median(times.tree), median(times.arrival), median(times.step)];
  // Eight ranks' passes on two workers, and the sums of both.
  const whole = 8 * stepMs;
  console.log(
    `sums of 8 ranks of 2.4 M weights on two workers: ${treeMs.toFixed(1)} ms in the tree, ` +
      `${arrivalMs.toFixed(1)} ms in order of arrival; with the ranks' passes (${stepMs.toFixed(1)} ms each) the ` +
      `tree costs ${((100 * (treeMs - arrivalMs)) / (whole + arrivalMs)).toFixed(1)} % of a step`,
  );
}

const parts = { kill, heal, away, checkpoint, order };
for (const [name, part] of Object.entries(parts)) if (values.only === undefined || values.only === name) await part();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
