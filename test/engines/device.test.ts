// The training state on the device, here TensorFlow's processor device: real processes that are killed, join, and
// resume from checkpoints, compared by the hash of their weights with one worker that nobody disturbed.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import type { RecipeInput } from '@stillhouse/core';
import { Scratch, smallRecipe } from '../e2e/cli.js';
import { hashesOf, ProcessCluster, unhurried, type Hashes } from '../e2e/processes.js';
import { cache, engine, skipped } from './engine.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const env = { STILLHOUSE_CACHE: cache, STILLHOUSE_STATE: 'device' };
const computing = { backend: 'tensorflow', env };
const module = unhurried(scratch);
const rows = (large: number): RecipeInput['data'] => ({
  large: { generator: 'friedman1', rows: large },
  small: { generator: 'friedman1', rows: 60, seed: 1 },
  test: { generator: 'friedman1', rows: 50, seed: 2 },
});
const recipe = smallRecipe({
  ranks: 4,
  data: rows(2007),
  teacher: {
    model: { module, export: 'convolutional' },
    batch: 128,
    epochs: 4,
    validation: 0.1,
    optimizer: { name: 'adamw', clipNorm: 0.5, weightDecay: 0.01 },
  },
  student: { model: { module, export: 'student' }, epochs: 3, batch: 8 },
});

let undisturbed: Promise<Hashes> | undefined;
const reference = (): Promise<Hashes> =>
  (undisturbed ??= scratch
    .trainByCommand(recipe, ['--workers', '1', '--backend', 'tensorflow'], { env })
    .then(({ record }) => hashesOf(record)));

describe.skipIf(!engine)(`tensorflow (${skipped})`, () => {
  test('workers are killed and join; the hashes are those of one worker', async () => {
    const cluster = new ProcessCluster(scratch, recipe, ['--heartbeat-timeout', '2'], undefined, computing);
    await cluster.start(3);
    for (let epoch = 1; epoch <= 2; epoch++) {
      await cluster.coordinator.logged(new RegExp(`epoch ${epoch}/`));
      cluster.kill(cluster.living[0]);
      cluster.join();
    }
    const record = await cluster.finish();
    expect(record.workers.every(({ fingerprint }) => fingerprint.includes('state=device'))).toBe(true);
    expect(hashesOf(record)).toEqual(await reference());
    expect(record.membershipChanges).toBeGreaterThan(0);
  });

  test('everything is killed at once; the run resumes from a checkpoint with another number of workers', async () => {
    const cluster = new ProcessCluster(scratch, recipe, ['--checkpoint-every', '0.3'], undefined, computing);
    await cluster.start(2);
    await cluster.coordinator.logged(/epoch 2\//);
    await delay(300);
    cluster.coordinator.child.kill('SIGKILL');
    cluster.workers.forEach((worker) => cluster.kill(worker));
    await Promise.all([cluster.coordinator, ...cluster.workers].map(({ result }) => result));
    const args = ['--workers', '3', '--backend', 'tensorflow', '--json'];
    const { code, stdout, stderr } = await scratch.run(['run', '--resume', cluster.out, ...args], { env });
    expect(stderr).toMatch(/continues from the checkpoint at operation/);
    expect(code).toBe(0);
    expect(hashesOf(JSON.parse(stdout) as Parameters<typeof hashesOf>[0])).toEqual(await reference());
  });
});
