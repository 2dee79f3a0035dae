// The protocol over both transports: the same clusters, with the same crashes, judged by the same checkers.
import { describe, expect, test } from 'vitest';
import { phaseOf } from '@stillhouse/core';
import { runCluster, simulate } from '../simulation/cluster.js';
import { scenarioOf, type Scenario } from '../simulation/scenario.js';
import { quick, webSocketWorld } from './websocket-world.js';

/** The first scenarios of a kind. */
const first = (count: number, fits: (scenario: Scenario) => boolean): Scenario[] =>
  Array.from({ length: 500 }, (_, seed) => quick(scenarioOf(seed)))
    .filter(fits)
    .slice(0, count);
const chosen = [
  ...first(4, ({ faults }) => faults.length > 1),
  ...first(2, ({ workers, job }) => workers > job.recipe.ranks),
  ...first(2, ({ workers, job }) => workers > 2 && job.recipe.ranks > 4),
  ...first(2, ({ job }) => job.recipe.student !== undefined && phaseOf(job, 'teacher').earlyStopping !== undefined),
];
const scenarios = [...new Map(chosen.map((scenario) => [scenario.seed, scenario])).values()];

test('the scenarios cover several workers, spares, students, early stops and crashes', () => {
  expect(scenarios.some(({ workers, job }) => workers > job.recipe.ranks)).toBe(true);
  expect(scenarios.some(({ workers, job }) => workers > 2 && job.recipe.ranks > 4)).toBe(true);
  expect(scenarios.some(({ job }) => job.recipe.student)).toBe(true);
  expect(scenarios.some(({ job }) => phaseOf(job, 'teacher').earlyStopping)).toBe(true);
  expect(scenarios.some(({ faults }) => faults.length > 1)).toBe(true);
});

describe.each([
  ['memory', simulate],
  ['WebSocket', (scenario: Scenario) => runCluster(scenario, webSocketWorld())],
] as const)('%s', (_, run) => {
  test.each(scenarios)('seed $seed', async (scenario) => {
    const { problems, transcript } = await run(scenario);
    expect(problems, transcript.join('\n')).toEqual([]);
  });
});
