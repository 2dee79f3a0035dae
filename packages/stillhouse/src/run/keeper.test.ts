import { expect, test } from 'vitest';
import { Keeper } from './keeper.js';

test('events that find no room wait in their order; the user is told once when that begins, and once when it ends', () => {
  const [written, told]: [object[], string[]] = [[], []];
  let isFull = false;
  const keeper = new Keeper(
    (event) => {
      if (isFull) throw new Error('no space left');
      written.push(event);
    },
    (text) => told.push(text),
  );
  keeper.event({ n: 1 });
  isFull = true;
  keeper.event({ n: 2 });
  keeper.event({ n: 3 });
  expect(written).toEqual([{ n: 1 }]);
  isFull = false;
  keeper.flush();
  expect(written).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(told).toEqual([
    'events.jsonl cannot be written, training goes on: no space left',
    'events.jsonl is written again',
  ]);
});

test('events that waited too long are given up, and counted', () => {
  const written: object[] = [];
  let isFull = true;
  const keeper = new Keeper(
    (event) => {
      if (isFull) throw new Error('no space left');
      written.push(event);
    },
    () => {},
  );
  for (let n = 0; n < 10_005; n++) keeper.event({ n });
  isFull = false;
  keeper.flush();
  expect(written).toHaveLength(10_001);
  expect(written.slice(0, 2)).toEqual([{ type: 'eventsLost', count: 5 }, { n: 5 }]);
});
