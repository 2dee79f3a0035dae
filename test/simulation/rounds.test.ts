// Rounds of local steps in clusters: the bits of one worker for any number of workers and under kills, and fewer bytes
// between workers by the number of steps in a round.
import { expect, test } from 'vitest';
import { hashName, parseRecipe, randomStream, type Job } from '@stillhouse/core';
import { runCluster, simulate, virtualWorld } from './cluster.js';
import { setOf, type Scenario } from './scenario.js';

/** 120 rows in batches of 8: 15 steps per epoch, the last round of which is short unless it fits. */
function jobOf(every: number | undefined, more: object): Job {
  const source = { generator: 'noise', rows: 1 };
  return {
    runId: 'rounds',
    recipe: parseRecipe({
      seed: 4,
      ranks: 8,
      loss: 'mse',
      ...(every === undefined ? {} : { sync: { every } }),
      ...more,
      data: { large: source, small: source, test: source },
      teacher: {
        model: { layers: [{ dense: 1 }] },
        epochs: 3,
        batch: 8,
        validation: 0.2,
        earlyStopping: { patience: 2 },
        optimizer: { name: 'sgd', learningRate: 0.05 },
        schedule: { name: 'cosine', warmupSteps: 3 },
      },
    }),
    assets: {},
    dataset: {
      ...{ inputShape: [1], columns: [], classes: null, outputs: 1, labelCount: 1, targets: [] },
      sets: { large: setOf(120), largeValidation: setOf(20), small: setOf(9), test: setOf(9) },
    },
  };
}

/** @param more of the recipe */
const clusterOf = (every: number | undefined, workers: number, more: object = {}): Scenario => ({
  seed: 5,
  job: jobOf(every, more),
  tuned: undefined,
  model: { parameters: 300, otherWeights: 3 },
  workers,
  minWorkers: 1,
  speedsMs: Array<number>(workers).fill(10),
  workersPerHost: 1,
  ...{ minDelayMs: 0.1, maxDelayMs: 2, duplicates: 0, losses: 0 },
  skews: [{ rate: 1, offsetMs: 0 }],
  checkpointEveryMs: 100,
  heartbeatTimeoutMs: 4000,
  faults: [],
  calmAtMs: 20_000,
});

const hashIn = (transcript: readonly string[]): string =>
  /teacher: done after 45 steps.*weights (\w+)/.exec(transcript.join('\n'))![1];

test.each([4, 15, 100])('rounds of %i steps on 1, 2, 4 and 8 workers have the bits of one', async (every) => {
  const hashes = new Set<string>();
  for (const workers of [1, 2, 4, 8]) {
    const { problems, transcript } = await simulate(clusterOf(every, workers));
    expect(problems).toEqual([]);
    hashes.add(hashIn(transcript));
  }
  expect(hashes.size).toBe(1);
});

test.each(['bf16', 'fp16', 'int8'])('what ranks have changed may travel as %s, with the bits of one', async (wire) => {
  const faults = [{ kind: 'a worker crashes' as const, worker: 1, isNoticed: true, backAfterMs: 90, atMs: 200 }];
  const hashes = new Set([hashIn((await simulate(clusterOf(4, 1))).transcript)]);
  for (const cluster of [
    clusterOf(4, 1, { wire }),
    clusterOf(4, 2, { wire }),
    { ...clusterOf(4, 4, { wire }), faults },
  ]) {
    const { problems, transcript } = await simulate(cluster);
    expect(problems).toEqual([]);
    hashes.add(hashIn(transcript));
  }
  // That of fp32, and one more.
  expect(hashes.size).toBe(2);
});

test('workers are killed in rounds; the others repeat at most the round in flight, with the same bits', async () => {
  const { transcript } = await simulate(clusterOf(7, 1));
  const undisturbed = hashIn(transcript);
  let redone = 0;
  for (let seed = 0; seed < 25; seed++) {
    const random = randomStream(hashName('kills'), seed);
    const faults = Array.from({ length: 3 }, (_, i) => ({
      kind: 'a worker crashes' as const,
      worker: i,
      isNoticed: true,
      backAfterMs: random() < 0.5 ? 200 * random() : undefined,
      atMs: 30 + 600 * random(),
    }));
    const outcome = await simulate({ ...clusterOf(7, 4), seed, faults });
    expect(outcome.problems, `seed ${seed}`).toEqual([]);
    expect(hashIn(outcome.transcript), `seed ${seed}`).toBe(undisturbed);
    redone += outcome.seen.redone;
  }
  expect(redone).toBeGreaterThan(25);
});

test('everything is killed in a round, and the run continues from a checkpoint between two rounds', async () => {
  const faults = [{ kind: 'everything crashes' as const, backAfterMs: 50, isSpoiled: false, atMs: 3000 }];
  const { problems, seen, transcript } = await simulate({ ...clusterOf(7, 3), speedsMs: [100, 100, 100], faults });
  expect(problems).toEqual([]);
  expect(seen.fromCheckpoint).toBe(1);
  expect(hashIn(transcript)).toBe(hashIn((await simulate(clusterOf(7, 1))).transcript));
});

test('a round sends what a step sends, so bytes between workers fall by the number of its steps', async () => {
  const bytesOf = async (every: number | undefined): Promise<number> => {
    const scenario = { ...clusterOf(every, 4), model: { parameters: 1000, otherWeights: 3 } };
    const world = virtualWorld(scenario);
    expect((await runCluster(scenario, world)).problems).toEqual([]);
    return world.network.meshBytes;
  };
  const [none, plain, fives, wholes] = [
    await bytesOf(1),
    await bytesOf(undefined),
    await bytesOf(5),
    await bytesOf(15),
  ];
  expect(none).toBe(plain);
  // 45 steps in 9 and in 3 exchanges; greetings and metrics stay.
  const exchange = (plain - fives) / 36;
  expect((fives - wholes) / 6).toBe(exchange);
  expect(plain - 45 * exchange).toBeLessThan(0.03 * plain);
});
