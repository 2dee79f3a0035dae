// Gradients in fewer bits: the reference's bits on any number of workers and under every fault, and what is sent.
import { expect, test } from 'vitest';
import type { WireFormat } from '@stillhouse/core';
import { decodeHeader, headerBytes } from '@stillhouse/core/cluster';
import { runCluster, virtualWorld } from './cluster.js';
import { calm, scenarioOf, type Scenario } from './scenario.js';

const coded = ['bf16', 'fp16', 'int8'] as const;

function withWire(scenario: Scenario, wire: WireFormat, change: Partial<Scenario> = {}): Scenario {
  const { job } = scenario;
  return { ...scenario, job: { ...job, recipe: { ...job.recipe, wire } }, ...change };
}

/** What a scenario comes to, and how many bytes of gradients its workers send each other. */
async function outcomeOf(scenario: Scenario): Promise<{ problems: readonly string[]; bytes: number }> {
  const world = virtualWorld(scenario);
  let bytes = 0;
  world.network.onSent = ([header, data]) => {
    if (data === undefined || header.byteLength !== headerBytes) return;
    const { type } = decodeHeader(header);
    if (type === 'partial' || type === 'reduced') bytes += data.byteLength;
  };
  const { problems } = await runCluster(scenario, world);
  return { problems, bytes };
}

// Seeds 0 to 9, each with its own faults, ranks and workers.
test.each(coded)('%s: clusters under faults give the reference’s bits', async (wire) => {
  const failures: string[] = [];
  for (let seed = 0; seed < 10; seed++) {
    const scenario = scenarioOf(seed);
    const model = { ...scenario.model, parameters: 8 * scenario.model.parameters };
    const { problems } = await outcomeOf(withWire(scenario, wire, { model }));
    if (problems.length > 0) failures.push(`seed ${seed}: ${problems.join('; ')}`);
  }
  expect(failures).toEqual([]);
});

test('1, 2 and 4 workers give the same bits in every format, and send a half or a quarter of the bytes', async () => {
  const scenario = calm(scenarioOf(3));
  const { job } = scenario;
  const ranks4 = { ...scenario, job: { ...job, recipe: { ...job.recipe, ranks: 4 } } };
  const model = { parameters: 1024, otherWeights: 3 };
  const sent = new Map<WireFormat, number[]>();
  for (const wire of ['fp32', ...coded] as const) {
    sent.set(wire, []);
    for (const workers of [1, 2, 4]) {
      const speedsMs = Array<number>(workers).fill(10);
      const { problems, bytes } = await outcomeOf(withWire(ranks4, wire, { workers, speedsMs, model }));
      // Every checked run has the bits of the reference, which has no workers.
      expect(problems).toEqual([]);
      sent.get(wire)!.push(bytes);
    }
  }
  const share = (wire: WireFormat): number[] =>
    sent.get(wire)!.map((bytes, i) => bytes / Math.max(1, sent.get('fp32')![i]));
  expect(sent.get('fp32')![0]).toBe(0);
  expect(sent.get('fp32')![2]).toBeGreaterThan(sent.get('fp32')![1]);
  // Losses and accounts, 35 of 1059 numbers, stay fp32.
  for (const [wire, expected] of [
    ['bf16', 0.51],
    ['fp16', 0.52],
    ['int8', 0.28],
  ] as const)
    for (const each of share(wire).slice(1)) expect(Math.abs(each - expected)).toBeLessThan(0.01);
});
