import { expect, test } from 'vitest';
import { workersFor } from './run.js';

test.each([
  [{ ranks: 8, threads: 1 }, 4, 4],
  [{ ranks: 3, threads: 1 }, 16, 3],
  [{ ranks: 8, threads: 3 }, 8, 2],
  [{ ranks: 8, threads: 16 }, 2, 1],
])('%o on %i cores: %i workers', (recipe, cores, workers) => {
  expect(workersFor(recipe, cores)).toBe(workers);
});
