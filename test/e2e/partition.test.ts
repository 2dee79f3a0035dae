// Hosts of their own, in network namespaces on one bridge, that are really cut off from each other.
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isNight, onlyAtNight, Scratch, smallRecipe, type Running } from './cli.js';
import { pauseEnv, unhurried } from './processes.js';

const scratch = new Scratch();
const prefix = `sh${process.pid % 10_000}`;
const bridge = `${prefix}br`;
const hosts = ['c', '1', '2', '3'] as const;
type Host = (typeof hosts)[number];

const ip = (...args: string[]): number => spawnSync('ip', args, { stdio: 'ignore' }).status ?? 1;
const addressOf = (host: Host): string => `10.77.${process.pid % 250}.${hosts.indexOf(host) + 1}`;
const namespaceOf = (host: Host): string => `${prefix}${host}`;

const canMakeHosts = ip('netns', 'add', `${prefix}x`) === 0 && ip('netns', 'del', `${prefix}x`) === 0;

function makeHosts(): void {
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('link', 'set', bridge, 'up');
  for (const host of hosts) {
    const [namespace, outer, inner] = [namespaceOf(host), `${prefix}o${host}`, `${prefix}i${host}`];
    ip('netns', 'add', namespace);
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner);
    ip('link', 'set', outer, 'master', bridge);
    ip('link', 'set', outer, 'up');
    ip('link', 'set', inner, 'netns', namespace);
    ip('-n', namespace, 'addr', 'add', `${addressOf(host)}/24`, 'dev', inner);
    ip('-n', namespace, 'link', 'set', inner, 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }
}

function removeHosts(): void {
  for (const host of hosts) ip('netns', 'del', namespaceOf(host));
  ip('link', 'del', bridge);
}

/** Cuts a host off from all others, or joins it again. */
const setLink = (host: Host, up: boolean): void => void ip('link', 'set', `${prefix}o${host}`, up ? 'up' : 'down');

/** Nothing of a host gets out any more, though all gets in: a bucket that no packet fits in. */
function muffle(host: Host, isMuffled: boolean): void {
  const device = `${prefix}i${host}`;
  const rule = isMuffled
    ? ['qdisc', 'add', 'dev', device, 'root', 'tbf', 'rate', '8bit', 'burst', '10', 'limit', '10']
    : ['qdisc', 'del', 'dev', device, 'root'];
  spawnSync('ip', ['netns', 'exec', namespaceOf(host), 'tc', ...rule], { stdio: 'ignore' });
}

/** Two workers cannot reach each other, though both reach everybody else. */
function separate(a: Host, b: Host, isSeparate: boolean): void {
  for (const [here, there] of [
    [a, b],
    [b, a],
  ] as const)
    ip('-n', namespaceOf(here), 'route', isSeparate ? 'add' : 'del', 'blackhole', `${addressOf(there)}/32`);
}

beforeAll(() => {
  if (canMakeHosts) makeHosts();
});
afterAll(() => {
  scratch.clean();
  if (canMakeHosts) removeHosts();
});

const recipe = smallRecipe({
  name: 'partition',
  ranks: 3,
  data: {
    large: { generator: 'friedman1', rows: 3007 },
    small: { generator: 'friedman1', rows: 60, seed: 1 },
    test: { generator: 'friedman1', rows: 50, seed: 2 },
  },
  teacher: { model: { module: unhurried(scratch), export: 'teacher' }, batch: 128, epochs: 6 },
});

const reference = canMakeHosts ? scratch.train(recipe, { backend: 'wasm' }) : undefined;

async function startCluster(): Promise<{ coordinator: Running; out: string }> {
  const out = scratch.out();
  const env = { STILLHOUSE_TOKEN: 'secret', ...pauseEnv };
  const on = (host: Host, args: string[]): Running =>
    scratch.start(args, { env, within: ['ip', 'netns', 'exec', namespaceOf(host)] });
  const coordinator = on('c', [
    'coordinator',
    scratch.recipe(recipe),
    '--listen',
    `${addressOf('c')}:7433`,
    '--workers',
    '3',
    '--out',
    out,
    '--heartbeat-timeout',
    '3',
    '--json',
  ]);
  await coordinator.logged(/listening at .*\n/);
  for (const host of ['1', '2', '3'] as const)
    void on(host, [
      'worker',
      '--coordinator',
      `ws://${addressOf('c')}:7433`,
      '--backend',
      'wasm',
      '--heartbeat-timeout',
      '3',
    ]).result;
  await coordinator.logged(/epoch 1\//);
  return { coordinator, out };
}

interface Partition {
  readonly what: string;
  readonly cut: (isCut: boolean) => void;
  readonly message: RegExp;
  readonly isAtNight?: boolean;
}
const partitions: readonly Partition[] = [
  {
    what: 'a worker is cut off from all others, and comes back',
    cut: (isCut) => setLink('2', !isCut),
    message: /no heartbeat for 3 s/,
    // The next one is harder.
    isAtNight: true,
  },
  {
    what: 'a worker hears all others, and none of them hears it',
    cut: (isCut) => muffle('2', isCut),
    message: /no heartbeat for 3 s/,
  },
  {
    what: 'two workers cannot reach each other',
    cut: (isCut) => separate('1', '3', isCut),
    message: /is left out for 30 s: it and other workers cannot reach each other/,
  },
  {
    what: 'the coordinator is cut off from the workers',
    cut: (isCut) => setLink('c', !isCut),
    message: /no heartbeat for 3 s|joined/,
  },
];

const rootOnly = '(skipped if network namespaces cannot be made: run as root)';
for (const { what, cut, message, isAtNight = false } of partitions)
  test.skipIf(!canMakeHosts || (isAtNight && !isNight))(
    `${what}: the bits are those of one worker ${canMakeHosts && isAtNight ? onlyAtNight : rootOnly}`,
    async () => {
      const { coordinator, out } = await startCluster();
      cut(true);
      // Until it has been noticed: on a slow machine that takes longer.
      await Promise.all([delay(6_000), coordinator.logged(message)]);
      cut(false);
      const { code, stderr } = await coordinator.result;
      expect(code, stderr).toBe(0);
      expect(stderr).toMatch(message);
      const record = scratch.readRecord(out);
      const { record: expected } = await reference!;
      expect(record.teacher!.weightsSha256).toBe(expected.teacher!.weightsSha256);
      expect(record.student!.weightsSha256).toBe(expected.student!.weightsSha256);
      for (const epoch of record.teacher!.epochs) expect(epoch.rowsDigest).toBe(record.teacher!.expectedRowsDigest);
    },
  );
