// What is told of a step's times.
import { expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { Coordinator } from './coordinator.test.fixture.js';

test('what a step computes and exchanges is told once, when all members know it', () => {
  const coordinator = new Coordinator(2).running();
  const { generation } = coordinator.state;
  coordinator.message(1, { type: 'progress', generation, step: limits.stepsBeforeTimes, loss: 1 });
  coordinator.beat(1, { rankMs: 1, exchangeMs: 9 }).beat(2, { rankMs: 1 });
  expect(coordinator.on({ type: 'tick' }).notices('stepTimes')).toEqual([]);
  coordinator.beat(2, { rankMs: 1, exchangeMs: 8 });
  expect(coordinator.on({ type: 'tick' }).notices('stepTimes')).toMatchObject([
    { phase: 'teacher', times: { computeMs: 1, exchangeMs: 8, fewer: { workers: 1, stepMs: 2 } } },
  ]);
  expect(coordinator.on({ type: 'tick' }).notices('stepTimes')).toEqual([]);
});
