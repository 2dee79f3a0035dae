// Who is named for a block.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BlockTracker } from './block-tracker.js';

const everybody = (): boolean => true;

test('workers that were sent a block are named in turn, and a worker that asks is one of them from then on', () => {
  const tracker = new BlockTracker();
  expect(tracker.refer('h', 'a', everybody)).toBeUndefined();
  tracker.sent('h', 'a');
  expect(tracker.refer('h', 'b', everybody)).toBe('a');
  expect(tracker.refer('h', 'c', everybody)).toBe('a');
  expect(tracker.refer('h', 'd', everybody)).toBe('b');
  expect(tracker.refer('other', 'd', everybody)).toBeUndefined();
});

test(
  'nobody is named to itself, nor one that is gone; who had to be sent a block anew is the only one known to ' +
    'have it',
  () => {
    const tracker = new BlockTracker();
    tracker.sent('h', 'a');
    expect(tracker.refer('h', 'a', everybody)).toBeUndefined();
    expect(tracker.refer('h', 'b', (address) => address !== 'a')).toBeUndefined();
    tracker.sent('h', 'c');
    expect(tracker.refer('h', 'a', everybody)).toBe('c');
  },
);

test('for any questions: a worker that is named has asked before, and is not the one that asks', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), (askers) => {
      const tracker = new BlockTracker();
      const asked = new Set<string>();
      for (const asker of askers.map(String)) {
        const holder = tracker.refer('h', asker, everybody);
        if (holder === undefined) tracker.sent('h', asker);
        else expect([...asked].filter((other) => other !== asker)).toContain(holder);
        asked.add(asker);
      }
    }),
  );
});
