// For any workers, the plan covers every rank once, starts from the newest state, and heals exactly those that lag.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planGeneration, type Candidate } from './plan.js';

const held = fc.option(fc.record({ phase: fc.constantFrom('teacher' as const, 'student' as const), ops: fc.nat(5) }), {
  nil: undefined,
});
const candidates = fc.uniqueArray(
  fc.record({
    workerId: fc.nat(20).map((n) => `w${n}`),
    held,
    leaving: fc.boolean(),
    rankMs: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
  }),
  { maxLength: 6, selector: ({ workerId }) => workerId },
);
const checkpoint = fc.option(
  fc.nat(7).map((ops) => ({ ops, sha256: 'c' })),
  { nil: undefined },
);

test('any candidates', () => {
  fc.assert(
    fc.property(
      candidates,
      checkpoint,
      fc.constantFrom('teacher' as const, 'student' as const),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 3 }),
      (all: Candidate[], kept, phase, teacherRanks, minWorkers) => {
        const ranks = phase === 'teacher' ? teacherRanks : 1;
        const plan = planGeneration({ phase, ranks, candidates: all, minWorkers, checkpoint: kept });
        const able = all.filter(({ leaving }) => !leaving);
        if (plan.type === 'wait') {
          expect(able.length).toBeLessThan(phase === 'teacher' ? minWorkers : 1);
          return;
        }
        // Every rank once, in order, on workers that stay.
        expect(
          plan.members.flatMap(({ ranks: span }) => Array.from({ length: span.hi - span.lo }, (_, i) => span.lo + i)),
        ).toEqual(Array.from({ length: ranks }, (_, i) => i));
        const byId = new Map(all.map((each) => [each.workerId, each]));
        for (const { workerId, ranks: span } of plan.members)
          if (byId.get(workerId)!.leaving) expect(span.lo).toBe(span.hi);
        if (phase === 'teacher')
          expect(plan.members.filter(({ workerId }) => !byId.get(workerId)!.leaving)).toHaveLength(able.length);
        // The newest state there is.
        const opsOf = (each: Candidate): number => (each.held?.phase === phase ? each.held.ops : 0);
        const newest = Math.max(...all.map(opsOf), kept?.ops ?? 0);
        expect(plan.ops).toBe(newest);
        const whole = plan.members.map(({ workerId }) => opsOf(byId.get(workerId)!) === newest);
        if (plan.checkpoint === undefined) {
          expect(plan.heals.map(({ to }) => to)).toEqual(whole.flatMap((is, index) => (is ? [] : [index])));
          for (const { from } of plan.heals) expect(whole[from]).toBe(true);
        } else {
          expect([plan.heals, kept!.ops]).toEqual([[], newest]);
        }
      },
    ),
    { numRuns: 500 },
  );
});
