// Hosts as network namespaces whose links pass no more than a rate: what plain sockets get, all-reduce next to Gloo,
// and training next to PyTorch DDP, interleaved in one run. Needs root, ip and tc; says so and ends if it lacks them.
//   npm run bench -- links [--link 1gbit] [--workers 2,4] [--rounds 5] [--parts allreduce,training]
//     [--bytes 1048576,…] [--models mlp,cnn] [--batch 128] [--ranks 4] [--steps 60] [--backend tensorflow]
//     [--set 'KEY=VALUE;KEY=VALUE']… [--no-peers]
// Each --set is another row of training: the same recipe with these values. Links are limited by tc's tbf both ways.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cellsOf, contestantNames, measureRounds, sentBytesOf, sized, startGroup } from './allreduce/rounds.mjs';
import { Contestant, has, median, path } from './contestant.mjs';
import { Hosts, whyNoHosts } from './links/hosts.mjs';
import { DdpGroup } from './training/ddp.mjs';
import { commandLine, countOf, printHead, printRow, ratios, withRange, workersText } from './training/figures.mjs';
import { titleOf, writeJob } from './training/job.mjs';
import { eventsOf, rateOf, resultOf, scratchFolder, startStillhouse } from './training/processes.mjs';
import { variantsOf, WeightHashes } from './training/variants.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    link: { type: 'string', default: '1gbit' },
    workers: { type: 'string', default: '2,4' },
    rounds: { type: 'string', default: '5' },
    parts: { type: 'string', default: 'allreduce,training' },
    bytes: { type: 'string', default: '65536,1048576,10485760,41943040' },
    models: { type: 'string', default: 'mlp,cnn' },
    batch: { type: 'string', default: '128' },
    ranks: { type: 'string' },
    steps: { type: 'string', default: '60' },
    backend: { type: 'string', default: 'tensorflow' },
    set: { type: 'string', multiple: true, default: [] },
    'no-peers': { type: 'boolean', default: false },
  },
});
const reason = whyNoHosts();
if (reason) {
  console.log(`links is skipped: ${reason}`);
  process.exit();
}
const counts = countOf(values.workers);
const [rounds, batch, steps] = [values.rounds, values.batch, values.steps].map(Number);
const ranks = Number(values.ranks ?? Math.max(...counts));
const warmSteps = 5;
const variants = variantsOf(values.set);
const hasPeers = !values['no-peers'] && has('torch');
const hosts = new Hosts(Math.max(...counts) + 1, values.link);
/** Of the coordinator. */
const last = Math.max(...counts);
const folder = scratchFolder();
const env = {
  GLOO_SOCKET_IFNAME: hosts.device,
  STILLHOUSE_TOKEN: 'bench',
  STILLHOUSE_PREPARED: join(folder, 'prepared'),
};
const within = (host) => hosts.within(host);
let [runs, stores] = [0, 0];

/** Bytes per millisecond that each of two hosts sends to the other by a plain socket, both at once. */
async function startPlainSocket() {
  const roles = [
    ['listen', 0],
    ['connect', 1],
  ];
  const pair = roles.map(([role, host]) => {
    const command = [process.execPath, path('links/socket.mjs'), role, hosts.address(0)];
    return new Contestant(`plain socket ${host}`, [...within(host), ...command]);
  });
  for (const each of pair) await each.line();
  const measure = async (bytes) => {
    const times = await Promise.all(pair.map((each) => each.ask(String(bytes))));
    return bytes / median(times.map(({ ms }) => ms));
  };
  return { measure, end: () => pair.forEach((each) => each.end()) };
}

const megabits = (bytesPerMs) => (8 * bytesPerMs) / 1000;

async function allreduce(count) {
  const addresses = Array.from({ length: count }, (_, host) => `${hosts.address(host)}:7200`);
  const names = contestantNames.filter((name) => name === 'stillhouse' || (name === 'gloo' && hasPeers));
  const groups = {};
  for (const name of names)
    groups[name] = await startGroup(name, { addresses, store: join(folder, `store-${stores++}`), within, env });
  const socket = await startPlainSocket();
  console.log(
    `\n${count} hosts, links of ${values.link}: milliseconds of an all-reduce, median of ${rounds} rounds; bus ` +
      `bandwidth in GB/s; seconds of the processor per GB and process; share of what plain sockets allow (range)\n`,
  );
  printHead([
    'bytes',
    'plain socket each way, Mbit/s',
    ...names.flatMap((name) => [`${name}, ms`, 'GB/s', 's/GB', 'share of the link']),
    "times Gloo's bandwidth",
  ]);
  for (const bytes of countOf(values.bytes)) {
    const measured = Object.fromEntries(names.map((name) => [name, []]));
    const plain = [];
    const budgetBytes = 3e7;
    for (let round = 0; round < rounds; round++) {
      plain.push(await socket.measure(Math.max(bytes, budgetBytes / 3)));
      const one = await measureRounds(groups, { bytes, rounds: 1, budgetBytes });
      for (const name of names) measured[name].push(...one[name]);
    }
    const ms = (name) => measured[name].map((round) => round.ms);
    const allowedMs = plain.map((rate) => sentBytesOf(bytes, count) / rate);
    printRow([
      sized(bytes),
      withRange(plain.map(megabits)),
      ...names.flatMap((name) => [...cellsOf(measured[name], bytes, count), ratios(allowedMs, ms(name))]),
      measured.gloo ? ratios(ms('gloo'), ms('stillhouse')) : '',
    ]);
  }
  socket.end();
  for (const each of Object.values(groups).flat()) each.end();
}

const sentOf = (count) => Array.from({ length: count }, (_, host) => hosts.sentBytes(host)).reduce((a, b) => a + b);

/** Bytes that a host sends per step, from the first report of progress after the first steps to the last one. */
async function sentPerStep(out, count, { ended }) {
  let isOver = false;
  void ended.then(() => (isOver = true));
  let [first, last] = [undefined, undefined];
  while (!isOver) {
    const report = eventsOf(out).findLast(({ type }) => type === 'progress');
    if (report?.step >= warmSteps && report.step !== last?.step) {
      last = { step: report.step, bytes: sentOf(count) };
      first ??= last;
    }
    await delay(20);
  }
  return last === first ? NaN : (last.bytes - first.bytes) / (last.step - first.step) / count;
}

/** One run of a coordinator on a host of its own and of workers on theirs. */
async function train(recipe, { count, settings }) {
  const out = join(folder, `run-${runs++}`);
  const coordinator = `${hosts.address(last)}:7300`;
  const options = (host) => ({ cwd: folder, env, within: within(host) });
  const args = ['--listen', coordinator, '--workers', String(count), '--out', out, '--checkpoint-every', 'never'];
  const running = startStillhouse(['coordinator', recipe, ...args, ...settings, '--json', '--quiet'], options(last));
  await untilListening(running);
  const workers = Array.from({ length: count }, (_, host) =>
    startStillhouse(['worker', '--coordinator', coordinator, '--backend', values.backend], options(host)),
  );
  const [record, sentBytes] = await Promise.all([
    resultOf(running, workersText(count)),
    sentPerStep(out, count, running),
  ]);
  await Promise.all(workers.map(({ ended }) => ended));
  return { ...rateOf(out, { warmSteps, batch }), record, sentBytes };
}

/** The coordinator prints its address once workers may connect. */
function untilListening({ child, output, ended }) {
  return new Promise((resolve, reject) => {
    child.stderr.on('data', () => output.stderr.includes('listening at') && resolve());
    void ended.then(({ stderr }) => reject(new Error(`the coordinator ended: ${stderr}`)));
  });
}

async function training(name) {
  const recipe = writeJob(folder, { name, batch, ranks, steps: warmSteps + steps });
  const whos = [...Object.keys(variants), ...(hasPeers ? ['PyTorch DDP'] : [])];
  const rows = Object.fromEntries(
    whos.map((who) => [who, counts.map(() => ({ rates: [], sent: [], losses: [], shares: [] }))]),
  );
  const hashes = new WeightHashes();
  const groups = hasPeers ? counts.map((workers) => new DdpGroup({ folder, name, batch, workers, within, env })) : [];
  for (const group of groups) await group.ready();
  for (let round = 0; round < rounds; round++)
    for (const [i, count] of counts.entries()) {
      for (const [who, settings] of Object.entries(variants)) {
        const { rowsPerSecond, loss, record, sentBytes } = await train(recipe, { count, settings });
        const row = rows[who][i];
        hashes.add(who, workersText(count), record.teacher.weightsSha256);
        row.rates.push(rowsPerSecond);
        row.sent.push(sentBytes);
        row.losses.push(record.teacher.epochs.at(-1).trainLoss ?? loss);
        const { computeMs, exchangeMs } = record.stepTimes ?? {};
        if (record.stepTimes) row.shares.push(computeMs / (computeMs + exchangeMs));
      }
      for (const group of groups.slice(i, i + 1)) {
        const before = sentOf(count);
        const row = rows['PyTorch DDP'][i];
        row.rates.push(await group.train(steps));
        row.sent.push((sentOf(count) - before) / steps / count);
      }
    }
  for (const group of groups) group.end();
  return { rows, hashes };
}

function print(name, { rows, hashes }) {
  console.log(
    `\n${titleOf(name)}, batch ${batch}, ${ranks} ranks, ${values.backend}, links of ${values.link}: rows per second ` +
      `(range), bytes that a worker sends per step, medians of ${rounds} rounds\n`,
  );
  printHead(['', 'workers', 'rows/s', 'times DDP', 'kB per step', 'share of a step that computes', 'training loss']);
  for (const [who, cells] of Object.entries(rows))
    for (const [i, { rates, sent, losses, shares }] of cells.entries()) {
      const peer = rows['PyTorch DDP']?.[i].rates;
      const isOwn = who in variants;
      printRow([
        who,
        counts[i],
        withRange(rates),
        isOwn && peer ? ratios(rates, peer) : '',
        withRange(sent.map((bytes) => bytes / 1000)),
        shares.length ? `${(100 * median(shares)).toFixed(0)} %` : '',
        losses.length ? median(losses).toPrecision(6) : '',
      ]);
    }
  console.log();
  hashes.print();
}

console.log(commandLine());
const parts = values.parts.split(',');
if (parts.includes('allreduce')) for (const count of counts.filter((each) => each > 1)) await allreduce(count);
if (parts.includes('training')) for (const name of values.models.split(',')) print(name, await training(name));
process.exit();
