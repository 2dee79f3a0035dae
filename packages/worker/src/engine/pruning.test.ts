import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pruneSmallest, sparsityAt } from './pruning.js';

test('sparsity rises by the cube from nothing to all of it', () => {
  const config = { sparsity: 0.8, from: 2, to: 5 };
  expect([0, 1, 2, 3, 4, 5, 6].map((epoch) => sparsityAt(config, epoch))).toEqual([
    0,
    0,
    ...[1, 2, 3, 4, 4].map((n) => expect.closeTo(0.8 * (1 - (1 - n / 4) ** 3), 12)),
  ]);
});

test('exactly so many become 0, none of them larger than one that stays', () => {
  const kernels = fc.array(fc.array(fc.constantFrom(0, 1, -1, 2, 0.5, -0.25, 3), { minLength: 1, maxLength: 20 }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(kernels, fc.double({ min: 0, max: 0.99, noNaN: true }), (values, share) => {
      const before = values.flat();
      const pruned = values.map((each) => Float32Array.from(each));
      pruneSmallest(pruned, share);
      const after = pruned.flatMap((each) => [...each]);
      const zeroBefore = before.filter((value) => value === 0).length;
      expect(after.filter((value) => value === 0).length).toBe(Math.max(zeroBefore, Math.round(share * before.length)));
      const gone = before.filter((value, i) => value !== 0 && after[i] === 0).map(Math.abs);
      const kept = after.filter((value) => value !== 0).map(Math.abs);
      if (gone.length && kept.length) expect(Math.max(...gone)).toBeLessThanOrEqual(Math.min(...kept));
      after.forEach((value, i) => expect([0, before[i]]).toContain(value));
    }),
  );
});
