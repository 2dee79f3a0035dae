// What an all-reduce takes between processes of this machine: the measurements that the cost model is calibrated by and
// checked against.
import { addressesHere, startGroup } from '../allreduce/rounds.mjs';
import { median } from '../contestant.mjs';
import { limits } from '@stillhouse/core';
import { allocateFlat } from '@stillhouse/worker/light';

/**
 * Milliseconds of an all-reduce, and of the processor per process: the best round, since others use the machine.
 * @param sizes numbers of the vectors
 * @returns by size
 */
export async function measureWorld(world, sizes, rounds) {
  // Processes of one machine would share memory; here they stand for machines.
  const group = await startGroup('stillhouse by sockets', { addresses: addressesHere(world) });
  try {
    const best = new Map();
    const measure = async (floats) => {
      await Promise.all(group.map((each) => each.ask(`link ${floats}`)));
      const iterations = Math.max(3, Math.min(200, Math.round(1e7 / floats)));
      return Promise.all(group.map((each) => each.ask(`${floats} ${iterations}`)));
    };
    // First calls are slow, for a while.
    for (const floats of sizes) await measure(floats);
    for (const floats of sizes) {
      for (let round = 0; round < rounds; round++) {
        const results = await measure(floats);
        const { ms = Infinity, cpuMs = Infinity } = best.get(floats) ?? {};
        best.set(floats, {
          ms: Math.min(ms, median(results.map((each) => median(each.ms)))),
          cpuMs: Math.min(cpuMs, median(results.map((each) => each.cpuMs))),
        });
      }
    }
    return best;
  } finally {
    for (const each of group) each.end();
  }
}

/** Milliseconds per byte of adding two chunks in memory, the best of many. */
export function measureAdding() {
  const { sums } = allocateFlat([16]);
  const [a, b] = sums.allocate([limits.chunkFloats, limits.chunkFloats]);
  let best = Infinity;
  for (let i = 0; i < 200; i++) {
    const began = performance.now();
    for (let j = 0; j < 10; j++) sums.add(a, b, a);
    best = Math.min(best, (performance.now() - began) / 10);
  }
  return best / (4 * limits.chunkFloats);
}
