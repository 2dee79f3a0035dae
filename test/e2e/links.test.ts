// Links between processes: what steps wait for, steps that take longer than a heartbeat may, and measuring links.
import { afterAll, expect, test } from 'vitest';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { Mesh, Routes, serveMeasure } from '@stillhouse/worker/light';
import { status, type LinkMatrix } from 'stillhouse';
import { Scratch, smallRecipe } from './cli.js';
import { hashesOf, ProcessCluster } from './processes.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const microBatch = 20;
/** A teacher that blocks its thread in every step, longer than a heartbeat may take. */
const blocking = scratch.write(
  'blocking.mjs',
  `const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
export const teacher = ({ tf, inputShape, outputs }) => {
  const first = tf.layers.dense({ units: 8, inputShape, activation: 'relu' });
  const call = first.call.bind(first);
  first.call = (inputs, ...args) => {
    const [{ shape }] = [inputs].flat();
    if (process.env.TEST_UNHURRIED && shape[0] === ${microBatch}) Atomics.wait(nobodyWakes, 0, 0, 5000);
    return call(inputs, ...args);
  };
  return tf.sequential({ layers: [first, tf.layers.dense({ units: outputs })] });
};
`,
);

test('a worker is alive while a micro-batch takes longer than a heartbeat, and says what steps wait for', async () => {
  const recipe = smallRecipe({
    name: 'long-steps',
    data: {
      large: { generator: 'friedman1', rows: 4 * microBatch },
      small: { generator: 'friedman1', rows: 30, seed: 1 },
      test: { generator: 'friedman1', rows: 50, seed: 2 },
    },
    teacher: { model: { module: blocking, export: 'teacher' }, batch: 2 * microBatch, epochs: 1 },
  });
  const cluster = new ProcessCluster(scratch, recipe, ['--heartbeat-timeout', '3']);
  await cluster.start(2);
  const seen: { at: number; workers: NonNullable<ReturnType<typeof status>['status']>['workers'] }[] = [];
  const watching = setInterval(() => {
    const now = status(cluster.out).status;
    if (now?.phase === 'teacher' && now.state === 'running')
      seen.push({ at: Date.parse(now.at), workers: now.workers });
  }, 200);
  const record = await cluster.finish().finally(() => clearInterval(watching));
  // A step takes five seconds; status was written about twice per second meanwhile.
  expect(seen.at(-1)!.at - seen[0].at).toBeGreaterThan(4_000);
  for (const { workers } of seen) {
    expect(workers.map(({ stage }) => stage)).not.toContain('loading');
    for (const { silentMs, note } of workers) {
      expect(note).not.toMatch(/silent|stalls/);
      expect(silentMs).toBeLessThan(3_000);
    }
  }
  expect(record.membershipChanges).toBe(0);
  expect(record.workers.filter(({ left }) => left?.includes('heartbeat'))).toEqual([]);
  const { teacher, student } = record;
  expect(teacher!.waits!.map(({ workerId, steps }) => ({ workerId, steps }))).toEqual([
    { workerId: 'w1', steps: 2 },
    { workerId: 'w2', steps: 2 },
  ]);
  // Whichever computes last waits least: not for the other's computation.
  const exposed = teacher!.waits!.map(({ exchange }) => exchange!);
  for (const { meanMs, p50Ms, p95Ms } of exposed) {
    // The last one waits for nobody.
    expect(meanMs).toBeGreaterThanOrEqual(0);
    expect(p50Ms).toBeLessThanOrEqual(p95Ms);
  }
  expect(Math.min(...exposed.map(({ p50Ms }) => p50Ms))).toBeLessThan(4_000);
  // On one worker nothing is exchanged.
  expect(student!.waits).toHaveLength(1);
  expect(student!.waits![0].exchange).toBeUndefined();
  expect(student!.waits![0].data!.p95Ms).toBeGreaterThanOrEqual(0);
  const { record: undisturbed } = await scratch.train(recipe, { backend: 'wasm' });
  expect(hashesOf(record)).toEqual(hashesOf(undisturbed));
});

test('an address that leads to another worker is not used', async () => {
  const token = 'secret';
  const named = new Map<Mesh, string>();
  const open = async (): Promise<Mesh> => {
    const mesh: Mesh = await Mesh.open(webSocketTransport, {
      address: '127.0.0.1:0',
      token,
      onBlockLink: (link) => link.abort(),
      onMeasureLink: (link) => serveMeasure(link, named.get(mesh)!),
    });
    named.set(mesh, mesh.address);
    return mesh;
  };
  const [wanted, other] = [await open(), await open()];
  const about = { transport: webSocketTransport, clock: systemClock, locals: [], log: () => {} };
  const routes = new Routes({ ...about, token });
  const reach = { meshAddress: wanted.address, alternatives: [other.address, '127.0.0.1:1'] };
  expect(await routes.measure(reach)).toMatchObject({ address: wanted.address });
  await wanted.close();
  await expect(routes.measure(reach)).rejects.toThrow('another worker answers');
  const stranger = new Routes({ ...about, token: 'wrong' });
  await expect(stranger.measure({ meshAddress: other.address })).rejects.toThrow(/token/);
  await other.close();
});

test('links between processes are measured in both directions, and printed as a matrix', async () => {
  const host = scratch.start(['bench', 'links', '--workers', '3', '--json']);
  const [, token, address] = /TOKEN=(\S+) .*--coordinator (\S+)/.exec(await host.logged(/on each machine: .*\n/))!;
  const join = ['bench', 'links', '--coordinator', address];
  const stranger = await scratch.start(join, { env: { STILLHOUSE_TOKEN: 'wrong' } }).result;
  expect(stranger).toMatchObject({ code: 3, stderr: expect.stringContaining('TOKEN_REJECTED') });
  const others = [1, 2].map(() => scratch.start(join, { env: { STILLHOUSE_TOKEN: token } }));
  const { code, stdout, stderr } = await host.result;
  expect(code, stderr).toBe(0);
  for (const { result } of others) expect(await result).toMatchObject({ code: 0 });
  const { machines, links } = JSON.parse(stdout) as LinkMatrix;
  expect(links.map(({ to, from }) => `${to}${from}`)).toEqual(['01', '02', '10', '12', '20', '21']);
  for (const { from, route } of links) {
    expect(route).toMatchObject({ address: machines[from].meshAddress, network: 'lo' });
    expect(route!.bytesPerSecond).toBeGreaterThan(0);
    expect(route!.latencyMs).toBeGreaterThan(0);
  }
});
