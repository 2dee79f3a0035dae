import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomStream } from '../random/random.js';
import { addInto, maximalSubtrees, midOf, ranksLabel, spanKey, sumSubtree, treeHeight, type Span } from './tree.js';

const ranksArbitrary = fc.integer({ min: 1, max: 70 });

/** The sum as the definition says it, written anew: recursion over the whole tree. */
function reference(leaves: readonly Float32Array[], span: Span): Float32Array {
  if (span.hi - span.lo === 1) return leaves[span.lo]!.slice();
  const mid = span.lo + Math.floor((span.hi - span.lo) / 2);
  const left = reference(leaves, { lo: span.lo, hi: mid });
  const right = reference(leaves, { lo: mid, hi: span.hi });
  return left.map((value, i) => Math.fround(value + right[i]!));
}

test('a range of ranks as a label', () => {
  expect([ranksLabel({ lo: 2, hi: 3 }), ranksLabel({ lo: 0, hi: 4 }), ranksLabel({ lo: 1, hi: 1 })]).toEqual([
    '2',
    '0–3',
    undefined,
  ]);
});

test('maximal subtrees of a run of ranks cover it exactly and are nodes of the tree', () => {
  fc.assert(
    fc.property(ranksArbitrary, fc.nat(), fc.nat(), (ranks, a, b) => {
      const ends = [a % (ranks + 1), b % (ranks + 1)];
      const [lo, hi] = [Math.min(...ends), Math.max(...ends)];
      const nodes = new Set<string>();
      const visit = (span: Span): void => {
        nodes.add(spanKey(span));
        if (span.hi - span.lo === 1) return;
        visit({ lo: span.lo, hi: midOf(span) });
        visit({ lo: midOf(span), hi: span.hi });
      };
      visit({ lo: 0, hi: ranks });
      const found = maximalSubtrees(ranks, { lo, hi });
      expect(found.every((span) => nodes.has(spanKey(span)))).toBe(true);
      expect(found.flatMap((span) => Array.from({ length: span.hi - span.lo }, (_, i) => span.lo + i))).toEqual(
        Array.from({ length: hi - lo }, (_, i) => lo + i),
      );
    }),
  );
});

test('a subtree’s sum has the bits of the definition', async () => {
  await fc.assert(
    fc.asyncProperty(ranksArbitrary, fc.nat(), async (ranks, seed) => {
      const next = randomStream(seed);
      const leaves = Array.from({ length: ranks }, () =>
        Float32Array.from({ length: 5 }, () => (next() - 0.5) * 10 ** (10 * next() - 5)),
      );
      const out = new Float32Array(5);
      await sumSubtree({ lo: 0, hi: ranks }, out, {
        write: async (rank, target) => target.set(leaves[rank]!),
        scratch: Array.from({ length: treeHeight(ranks) }, () => new Float32Array(5)),
        round() {},
        addInto,
      });
      expect(out).toEqual(reference(leaves, { lo: 0, hi: ranks }));
    }),
  );
});

test('adding in double and rounding on the store equals fp32 addition, denormals and all', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true }), fc.float({ noNaN: true }), (a, b) => {
      const target = Float32Array.of(a);
      addInto(target, Float32Array.of(b));
      expect(target[0]).toBe(Math.fround(a + b));
    }),
  );
});
