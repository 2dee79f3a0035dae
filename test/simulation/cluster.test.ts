// At least 500 seeded clusters: random ranks, workers, delays, slow workers, lost workers.
import { expect, test } from 'vitest';
import { replayCommand, scenarioOf, simulate } from './cluster.js';

const seeds = 600;

test(`${seeds} seeded clusters give the reference's bits, use every row once, and end`, async () => {
  const failures: string[] = [];
  const seen = { crashed: 0, idleWorkers: 0, emptySegments: 0, uneven: 0 };
  for (let seed = 0; seed < seeds; seed++) {
    const scenario = scenarioOf(seed);
    const { ranks } = scenario.job.recipe;
    const { problems, error } = await simulate(scenario);
    if (problems.length) failures.push(`seed ${seed}: ${problems.join('; ')} (replay: ${replayCommand(seed)})`);
    seen.crashed += error ? 1 : 0;
    seen.idleWorkers += scenario.workers > ranks ? 1 : 0;
    seen.emptySegments += scenario.model.parameters < 16 * Math.min(ranks, scenario.workers) ? 1 : 0;
    seen.uneven += ranks % Math.min(ranks, scenario.workers) !== 0 ? 1 : 0;
  }
  expect(failures).toEqual([]);
  // The seeds reach what they are meant to reach.
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(20);
});

test('a seed replays to the letter', async () => {
  const first = await simulate(scenarioOf(42));
  expect((await simulate(scenarioOf(42))).transcript).toEqual(first.transcript);
  expect(first.transcript.length).toBeGreaterThan(5);
});
