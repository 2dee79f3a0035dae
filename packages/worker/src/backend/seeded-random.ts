// One root for all of an engine's randomness. TFJS seeds every unseeded draw (initialisers, dropout, noise layers,
// recurrent dropout, a user's own layers) from Math.random, so a seeded Math.random makes a model or a step repeatable.
import { randomStream } from '@stillhouse/core';

/**
 * Runs `work` with Math.random replaced by the stream of `key`. Only synchronous work may draw, so that nothing else
 * in the process sees the stream.
 */
export function withSeededRandom<T>(key: readonly number[], work: () => T): T {
  const original = Math.random;
  Math.random = randomStream(...key);
  try {
    return work();
  } finally {
    Math.random = original;
  }
}
