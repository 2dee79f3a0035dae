import { expect, test } from 'vitest';
import { BufferedWriter } from './buffered-writer.js';

test('events that find no room wait in their order; a warning says when that begins, and another when it ends', () => {
  const [written, warnings]: [object[], string[]] = [[], []];
  let isFull = false;
  const writer = new BufferedWriter(
    (event) => {
      if (isFull) throw new Error('no space left');
      written.push(event);
    },
    (text) => warnings.push(text),
  );
  writer.event({ n: 1 });
  isFull = true;
  writer.event({ n: 2 });
  writer.event({ n: 3 });
  expect(written).toEqual([{ n: 1 }]);
  isFull = false;
  writer.flush();
  expect(written).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(warnings).toEqual([
    'events.jsonl cannot be written, training continues: no space left',
    'events.jsonl can be written again',
  ]);
});

test('events that waited too long are given up, and counted', () => {
  const written: object[] = [];
  let isFull = true;
  const writer = new BufferedWriter(
    (event) => {
      if (isFull) throw new Error('no space left');
      written.push(event);
    },
    () => {},
  );
  for (let n = 0; n < 10_005; n++) writer.event({ n });
  isFull = false;
  writer.flush();
  expect(written).toHaveLength(10_001);
  expect(written.slice(0, 2)).toEqual([{ type: 'eventsLost', count: 5 }, { n: 5 }]);
});
