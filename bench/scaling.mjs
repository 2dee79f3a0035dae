// How the cost of a step grows with workers and parameters: the real collective in a simulation of up to 1,024 workers
// (test/simulation/exchange.ts), whose costs are measured on this machine first.
//   npm run bench -- scaling [--workers 2,4,8,64,256,1024] [--parameters 1e4,1e5,1e6,1e7,1e8] [--rounds 5] [--costs …]
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { encodeMessage, slotsPerRank } from '@stillhouse/core/cluster';
import { limits } from '@stillhouse/core';
import { tsImport } from 'tsx/esm/api';
import { measureAdding, measureWorld } from './scaling/processes.mjs';

const { simulateExchange } = await tsImport('../test/simulation/exchange.ts', import.meta.url);
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    workers: { type: 'string', default: '2,4,8,64,256,1024' },
    parameters: { type: 'string', default: '1e4,1e5,1e6,1e7,1e8' },
    rounds: { type: 'string', default: '5' },
    costs: { type: 'string' },
  },
});
const numbersOf = (text) => text.split(',').map(Number);
const [workerCounts, parameterCounts] = [numbersOf(values.workers), numbersOf(values.parameters)];
/** Sizes that are measured, too. */
const compared = [1e4, 1e5, 1e6, 1e7];
const cores = availableParallelism();

/** Rows per worker and step, and what its engine computes: those of the MLP in docs/benchmarks.md, 28.7 ms a step. */
const rows = 128;
const flopsPerMs = 64e6;
const computeMs = (parameters) => (6 * parameters * rows) / flopsPerMs;

const networks = { '10 Gbit/s': { bytesPerMs: 1.25e6, wireMs: 0.05 }, '1 Gbit/s': { bytesPerMs: 1.25e5, wireMs: 0.1 } };

const count = (value) => Math.round(value).toLocaleString('en-US');
const short = (value) => (value >= 100 ? count(value) : value.toPrecision(3));
const power = (value) => (Number.isInteger(Math.log10(value)) ? `10^${Math.log10(value)}` : count(value));

function printTable(title, head, lines) {
  console.log(`\n${title}\n\n| ${head.join(' | ')} |\n|${' ---: |'.repeat(head.length)}`);
  for (const line of lines) console.log(`| ${line.join(' | ')} |`);
}

/** Frames and bytes that each of so many processes sends in an all-reduce. */
const sentBy = (world, floats) => ({
  frames: 2 * (world - 1) * Math.ceil(floats / world / limits.chunkFloats),
  bytes: (8 * floats * (world - 1)) / world,
});

/**
 * Costs of a worker from the processor time of two and four processes: of an operation, a frame and a byte, by least
 * squares of the relative errors, none negative. Sending and receiving are assumed to cost the same.
 */
function calibrate(measured) {
  const addByteMs = measureAdding();
  const equations = [2, 4].flatMap((world) =>
    [...measured.get(world)].map(([floats, { cpuMs }]) => {
      const { frames, bytes } = sentBy(world, floats);
      // Half of what is sent is added.
      return [1, frames, bytes, cpuMs - (bytes / 2) * addByteMs].map((each) => each / cpuMs);
    }),
  );
  const found = [0, 0, 0];
  for (let round = 0; round < 10_000; round++)
    for (const i of found.keys()) {
      const rest = (row) => row[3] - found.reduce((sum, each, j) => sum + (j === i ? 0 : each * row[j]), 0);
      const along = equations.reduce((sum, row) => sum + row[i] * rest(row), 0);
      found[i] = Math.max(0, along / equations.reduce((sum, row) => sum + row[i] ** 2, 0));
    }
  const [operationMs, frameMs, byteMs] = found;
  const costs = {
    latencyMs: 0,
    operationMs,
    sendFrameMs: frameMs / 2,
    receiveFrameMs: frameMs / 2,
    sendByteMs: byteMs / 2,
    receiveByteMs: byteMs / 2,
    addByteMs,
  };
  // An all-reduce is two hops; of the smallest vector they take most of the time.
  const { ms } = simulateExchange({ workers: 2, parameters: compared[0] }, loopback(costs));
  return { ...costs, latencyMs: Math.max(0, (measured.get(2).get(compared[0]).ms - ms) / 2) };
}

const loopback = (costs) => ({ ...costs, bytesPerMs: Infinity });

function printCalibration({ operationMs, sendFrameMs, sendByteMs, addByteMs, latencyMs }) {
  const perGb = (byteMs) => `${(byteMs * 1e6).toFixed(3)} s/GB`;
  printTable(
    'Costs of a worker, from 2 and 4 processes of this machine:',
    ['cost', 'value'],
    [
      ['of an operation', `${(1000 * operationMs).toFixed(1)} µs`],
      ['of sending a frame, and of receiving one', `${(1000 * sendFrameMs).toFixed(1)} µs`],
      ['of sending, and of receiving', perGb(sendByteMs)],
      ['of adding', perGb(addByteMs)],
      ['of a hop, until the other thread runs', `${(1000 * latencyMs).toFixed(0)} µs`],
    ],
  );
}

/** What processes take next to what the model says. */
function* checks(costs, measured) {
  for (const [world, times] of measured)
    for (const [parameters, { ms, cpuMs }] of times) {
      const model = simulateExchange({ workers: world, parameters }, loopback(costs));
      const shared = Math.max(model.ms, (world * model.busyMs) / cores);
      yield [
        world,
        power(parameters),
        short(ms),
        short(model.ms),
        short(shared),
        (shared / ms).toFixed(2),
        short(cpuMs),
        short(model.busyMs),
      ];
    }
}

function printChecks(lines) {
  printTable(
    `Check: an all-reduce of processes on the ${cores} cores of this machine, and the model. The model gives each ` +
      'worker a core; more processes than cores take at least what the cores need for all of them. Milliseconds:',
    ['processes', 'parameters', 'measured', 'model', `on ${cores} cores`, 'ratio', 'processor, measured', 'model'],
    lines,
  );
}

/** Costs over a network: the software's part of a hop is measured, the wire's is assumed. */
const over = (costs, { bytesPerMs, wireMs }) => ({ ...costs, bytesPerMs, latencyMs: costs.latencyMs + wireMs });

/** What takes longest, if nothing waited for anything else. */
function boundOf({ busyMs, cardBytes }, { bytesPerMs, latencyMs }) {
  const times = { card: cardBytes / bytesPerMs, thread: busyMs, latency: 2 * latencyMs };
  return Object.keys(times).reduce((most, each) => (times[each] > times[most] ? each : most));
}

/** A model's vector has the accounts of all ranks as well; here each worker has one rank. */
const exchangeOf = ({ parameters, ...cluster }, costs) =>
  simulateExchange({ ...cluster, parameters: parameters + slotsPerRank * cluster.workers }, costs);

function* growth(costs) {
  for (const parameters of parameterCounts)
    for (const workers of workerCounts) {
      const exchange = exchangeOf({ workers, parameters }, costs);
      const step = computeMs(parameters) + exchange.ms;
      yield [
        power(parameters),
        count(workers),
        short(exchange.ms),
        short(step),
        `${((100 * computeMs(parameters)) / step).toFixed(0)} %`,
        short(exchange.bytes / 1e6),
        count(exchange.frames),
        boundOf(exchange, costs),
      ];
    }
}

function printGrowth(name, costs) {
  printTable(
    `${name}, ${(1000 * costs.latencyMs).toFixed(0)} µs per hop. Each worker has one rank of ${rows} rows, which it ` +
      `computes at ${flopsPerMs / 1e6} GFLOP/s, so the whole exchange comes after its computation:`,
    ['parameters', 'workers', 'exchange, ms', 'step, ms', 'efficiency', 'MB sent', 'frames sent', 'bound'],
    growth(costs),
  );
}

/** What grows with workers only: connections, and what the coordinator says and hears. */
function printCoordinator() {
  const lines = workerCounts.map((workers) => {
    const members = Array.from({ length: workers }, (_, i) => ({
      workerId: `worker-${i}`,
      meshAddress: 'ws://192.168.100.100:40000',
      ranks: { lo: i, hi: i + 1 },
    }));
    const message = { type: 'resume', generation: 65_537, phase: 'teacher', ops: 1000, members, heals: [] };
    const bytes = encodeMessage(message).reduce((sum, part) => sum + part.byteLength, 0);
    return [
      count(workers),
      count(2 * (workers - 1) + 1),
      count(workers * (workers - 1)),
      count((2 * workers * 1000) / limits.heartbeatIntervalMs + 1000 / limits.progressIntervalMs),
      count(5 * workers),
      short((workers * bytes) / 1e3),
    ];
  });
  printTable(
    'Connections, and messages of the coordinator. While training goes on: a heartbeat per worker and second, both ' +
      'ways, and at most five reports of progress. For a change of membership: pause, paused, resume, ready and ' +
      'start, of which `resume` names all members to each:',
    [
      'workers',
      "a worker's connections",
      'of all between workers',
      "coordinator's messages per second",
      'messages of a change, about',
      'KB of a change',
    ],
    lines,
  );
}

/** Hosts of eight workers, with relays and as it was without. */
function* hostsOfEight(costs) {
  const perHost = 8;
  for (const workers of workerCounts.filter((each) => each >= 2 * perHost))
    for (const parameters of [1e6, 1e7].filter((each) => parameterCounts.includes(each)))
      for (const relays of [false, true]) {
        const exchange = exchangeOf({ workers, parameters, perHost, relays }, costs);
        yield [
          count(workers),
          power(parameters),
          relays ? 'relays' : 'none',
          short(exchange.ms),
          short(exchange.cardBytes / 1e6),
          count(exchange.frames),
          boundOf(exchange, costs),
        ];
      }
}

let costs;
if (values.costs === undefined) {
  const measured = new Map();
  for (const world of [2, 4, 8]) measured.set(world, await measureWorld(world, compared, Number(values.rounds)));
  costs = calibrate(measured);
  printCalibration(costs);
  printChecks(checks(costs, measured));
} else costs = JSON.parse(values.costs);
console.log(`\nThe same costs again: --costs '${JSON.stringify(costs)}'`);
printCoordinator();
for (const [name, network] of Object.entries(networks)) printGrowth(name, over(costs, network));
printTable(
  'Eight workers per host, 10 Gbit/s:',
  ['workers', 'parameters', 'relays', 'ms', 'MB sent per host', 'frames sent', 'bound'],
  hostsOfEight(over(costs, networks['10 Gbit/s'])),
);
