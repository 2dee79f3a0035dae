// Seeded clusters with everything that can go wrong: the bits, the rows, the generations and the end must hold.
import { expect, test } from 'vitest';
import { replayCommand, simulate } from './cluster.js';
import { pinned } from './pinned.js';
import { scenarioOf } from './scenario.js';

/** Seeds of one test; 1,500 in each run, 10,000 at night. */
const perTest = 500;
const firstSeeds = Array.from({ length: process.env['STILLHOUSE_NIGHTLY'] ? 20 : 3 }, (_, i) => i * perTest);
const reached: Record<string, number> = {};

test.each(pinned)('seed $seed, which found $found', async ({ seed }) => {
  expect((await simulate(scenarioOf(seed))).problems).toEqual([]);
});

test.each(firstSeeds)(
  'clusters from seed %i on give the reference’s bits, use every row once, and end',
  async (first) => {
    const failures: string[] = [];
    for (let seed = first; seed < first + perTest; seed++) {
      const { problems, seen } = await simulate(scenarioOf(seed));
      if (problems.length) failures.push(`seed ${seed}: ${problems.join('; ')} (replay: ${replayCommand(seed)})`);
      for (const [what, count] of Object.entries(seen)) reached[what] = (reached[what] ?? 0) + (count > 0 ? 1 : 0);
    }
    expect(failures).toEqual([]);
  },
);

test('the seeds reach what they are meant to reach', () => {
  expect(Object.keys(reached).length).toBeGreaterThan(0);
  for (const [what, count] of Object.entries(reached)) expect(count, `seeds that saw ${what}`).toBeGreaterThan(20);
});

test('a seed replays to the letter', async () => {
  const first = await simulate(scenarioOf(42));
  expect((await simulate(scenarioOf(42))).transcript).toEqual(first.transcript);
  expect(first.transcript.length).toBeGreaterThan(5);
});
