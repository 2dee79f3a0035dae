// Seeded clusters with everything that can go wrong: the bits, the rows, the generations and the end must hold.
import { expect, test } from 'vitest';
import { replayCommand, simulate } from './cluster.js';
import { pinned } from './pinned.js';
import { scenarioOf } from './scenario.js';

const seeds = process.env['STILLHOUSE_NIGHTLY'] ? 10_000 : 1500;

test.each(pinned)('seed $seed, which found $found', async ({ seed }) => {
  expect((await simulate(scenarioOf(seed))).problems).toEqual([]);
});

test(`${seeds} seeded clusters give the reference's bits, use every row once, and end`, async () => {
  const failures: string[] = [];
  const reached: Record<string, number> = {};
  for (let seed = 0; seed < seeds; seed++) {
    const { problems, seen } = await simulate(scenarioOf(seed));
    if (problems.length) failures.push(`seed ${seed}: ${problems.join('; ')} (replay: ${replayCommand(seed)})`);
    for (const [what, count] of Object.entries(seen)) reached[what] = (reached[what] ?? 0) + (count > 0 ? 1 : 0);
  }
  expect(failures).toEqual([]);
  // The seeds reach what they are meant to reach.
  for (const [what, count] of Object.entries(reached)) expect(count, `seeds that saw ${what}`).toBeGreaterThan(20);
});

test('a seed replays to the letter', async () => {
  const first = await simulate(scenarioOf(42));
  expect((await simulate(scenarioOf(42))).transcript).toEqual(first.transcript);
  expect(first.transcript.length).toBeGreaterThan(5);
});
