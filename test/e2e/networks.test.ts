// Two hosts, as network namespaces, that are linked by a slow network and by a fast one.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { status } from 'stillhouse';
import { Scratch, smallRecipe, type Running } from './cli.js';
import { hashesOf, pauseEnv, unhurried } from './processes.js';

const scratch = new Scratch();
const prefix = `sn${process.pid % 10_000}`;
const hosts = ['a', 'b'] as const;
type Host = (typeof hosts)[number];
const networks = ['slow', 'fast'] as const;
type Network = (typeof networks)[number];

const ip = (...args: string[]): number => spawnSync('ip', args, { stdio: 'ignore' }).status ?? 1;
const namespaceOf = (host: Host): string => `${prefix}${host}`;
const rangeOf = (network: Network): string => `10.${network === 'slow' ? 78 : 79}.${process.pid % 250}`;
const addressOf = (host: Host, network: Network): string => `${rangeOf(network)}.${hosts.indexOf(host) + 1}`;

function tryHosts(): boolean {
  const namespace = `${prefix}x`;
  if (ip('netns', 'add', namespace) !== 0) return false;
  const canHoldBack = ip('netns', 'exec', namespace, 'tc', '-V') === 0;
  return ip('netns', 'del', namespace) === 0 && canHoldBack;
}
const canMakeHosts = tryHosts();

/** Each network is a pair of interfaces of its own; what leaves over the slow one is held back. */
function makeHosts(): void {
  for (const host of hosts) ip('netns', 'add', namespaceOf(host));
  for (const network of networks) {
    const [here, there] = hosts.map((host) => `${prefix}${network[0]}${host}`);
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there);
    for (const host of hosts) {
      const [device, namespace] = [`${prefix}${network[0]}${host}`, namespaceOf(host)];
      ip('link', 'set', device, 'netns', namespace);
      ip('-n', namespace, 'link', 'set', device, 'name', network);
      ip('-n', namespace, 'addr', 'add', `${addressOf(host, network)}/24`, 'dev', network);
      ip('-n', namespace, 'link', 'set', network, 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      if (network === 'fast') continue;
      const rate = ['rate', '10mbit', 'burst', '16kb', 'latency', '400ms'];
      const tc = ['tc', 'qdisc', 'add', 'dev', network, 'root', 'tbf', ...rate];
      spawnSync('ip', ['netns', 'exec', namespace, ...tc], { stdio: 'ignore' });
    }
  }
}

beforeAll(() => {
  if (canMakeHosts) makeHosts();
});
afterAll(() => {
  scratch.clean();
  // The interfaces go with their namespaces.
  if (canMakeHosts) for (const host of hosts) ip('netns', 'del', namespaceOf(host));
});

const recipe = smallRecipe({
  name: 'networks',
  teacher: { model: { module: unhurried(scratch), export: 'teacher' }, batch: 16, epochs: 6 },
});

const on = (host: Host, args: string[]): Running =>
  scratch.start(args, {
    env: { STILLHOUSE_TOKEN: 'secret', ...pauseEnv },
    within: ['ip', 'netns', 'exec', namespaceOf(host)],
  });

const rootOnly = '(skipped if network namespaces cannot be made: run as root)';

test.skipIf(!canMakeHosts)(
  `workers that reach their coordinator over a slow network exchange over a fast one, with the same bits ${rootOnly}`,
  async () => {
    const out = scratch.out();
    const address = `${addressOf('a', 'slow')}:7433`;
    const given = [scratch.recipe(recipe), '--listen', address, '--workers', '2', '--out', out, '--json'];
    const coordinator = on('a', ['coordinator', ...given]);
    await coordinator.logged(/listening at .*\n/);
    const work = ['worker', '--coordinator', address, '--backend', 'wasm'];
    // One is told which network it is reached over; the address of the other is chosen by measurement.
    const told = on('a', [...work, '--network', `${rangeOf('fast')}.0/24`]);
    await coordinator.logged(/worker w1 /);
    const measured = on('b', work);
    const figures = String.raw`over fast, [\d.,]+ [kMG]bit/s, [\d.]+ ms`;
    await measured.logged(new RegExp(String.raw`w1 is reached at ${addressOf('a', 'fast')}:\d+ ${figures}`));
    await told.logged(new RegExp(String.raw`w2 is reached at ${addressOf('b', 'fast')}:\d+ ${figures}`));
    await coordinator.logged(/epoch 1\//);
    const routes = status(out).status!.workers.flatMap(({ routes: own = [] }) => own);
    expect(routes).toEqual([
      expect.stringMatching(`w2 is reached at ${addressOf('b', 'fast')}.* over fast`),
      expect.stringMatching(`w1 is reached at ${addressOf('a', 'fast')}.* over fast`),
    ]);
    const { code, stderr } = await coordinator.result;
    expect(code, stderr).toBe(0);
    const { record } = await scratch.train(recipe, { backend: 'wasm' });
    expect(hashesOf(scratch.readRecord(out))).toEqual(hashesOf(record));
    await Promise.all([told.result, measured.result]);
  },
);

test.skipIf(!canMakeHosts)(
  `a network that a machine does not have is refused before its worker joins ${rootOnly}`,
  async () => {
    const worker = on('a', ['worker', '--coordinator', `${addressOf('a', 'slow')}:7433`, '--network', 'eth9']);
    const { code, stderr } = await worker.result;
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^stillhouse: NETWORK_MISSING: this machine has no address in eth9; it has .*\(slow\), .*\(fast\)/,
    );
  },
);
