// Workers of one host share memory, and by sockets they compute the same; also while they are killed, stopped and
// started again.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { Scratch, smallRecipe } from '../e2e/cli.js';
import { hashesOf, ProcessCluster, unhurried } from '../e2e/processes.js';
import { cache, engine, skipped } from './engine.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const module = unhurried(scratch);
const recipe = smallRecipe({
  ranks: 4,
  data: {
    large: { generator: 'friedman1', rows: 2007 },
    small: { generator: 'friedman1', rows: 60, seed: 1 },
    test: { generator: 'friedman1', rows: 50, seed: 2 },
  },
  teacher: { model: { module, export: 'teacher' }, batch: 128, epochs: 3, validation: 0.1 },
  student: { model: { module, export: 'student' }, epochs: 2, batch: 30 },
});
const said = /shares memory with (\d+) other/;

test.skipIf(!engine)(`the same bits through memory and through sockets (${skipped})`, async () => {
  const train = (memory: 'on' | 'off', workers: string) =>
    scratch.trainByCommand(recipe, ['--workers', workers, '--backend', 'wasm'], {
      env: { STILLHOUSE_CACHE: cache, STILLHOUSE_SHARED_MEMORY: memory },
    });
  const [one, shared, apart] = [await train('on', '1'), await train('on', '3'), await train('off', '3')];
  expect(hashesOf(shared.record)).toEqual(hashesOf(one.record));
  expect(hashesOf(apart.record)).toEqual(hashesOf(one.record));
  const logOf = async ({ folder }: { folder: string }): Promise<string> =>
    (await scratch.run(['logs', folder, '--worker', '1'])).stdout;
  expect(said.exec(await logOf(shared))?.[1]).toBe('2');
  expect(await logOf(apart)).not.toMatch(said);
});

test.skipIf(!engine)(`one that is frozen in a step writes into nobody's sums when it wakes (${skipped})`, async () => {
  const expected = hashesOf((await scratch.trainByCommand(recipe, ['--backend', 'wasm'])).record);
  const cluster = new ProcessCluster(scratch, recipe, ['--heartbeat-timeout', '1', '--checkpoint-every', '1']);
  await cluster.start(3);
  for (const [i, worker] of cluster.workers.entries()) {
    await delay(300 + 200 * i);
    cluster.signal(worker, 'SIGSTOP');
    await delay(1800);
    cluster.signal(worker, 'SIGCONT');
  }
  cluster.kill(cluster.workers[0]);
  cluster.join();
  const record = await cluster.finish();
  expect(hashesOf(record)).toEqual(expected);
  expect(record.membershipChanges).toBeGreaterThan(1);
});
