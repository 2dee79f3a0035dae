// What a worker logs about its place.
import { expect, test } from 'vitest';
import type { Membership } from '@stillhouse/core/cluster';
import { placeOf } from './place.js';

const membership = (self: number): Membership => ({
  generation: 7,
  self,
  members: [
    { workerId: 'a', meshAddress: 'a:1', ranks: { lo: 0, hi: 2 } },
    { workerId: 'b', meshAddress: 'b:1', ranks: { lo: 2, hi: 3 } },
    { workerId: 'c', meshAddress: 'c:1', ranks: { lo: 3, hi: 3 } },
  ],
});

test.each([
  ['several ranks', 0, 'generation 7: member 0 of 3, with ranks 0 to 1'],
  ['one rank', 1, 'generation 7: member 1 of 3, with rank 2'],
  ['no rank, which is a spare', 2, 'generation 7: member 2 of 3, without ranks, as a spare'],
])('a worker with %s says so', (_, self, words) => {
  expect(placeOf(membership(self))).toBe(words);
});
