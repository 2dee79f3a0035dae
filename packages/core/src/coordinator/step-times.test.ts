// What a step computes and exchanges, and when fewer workers would be faster.
import { expect, test } from 'vitest';
import { stepTimes, type WorkerTimes } from './step-times.js';

const worker = (ranks: number, rankMs: number, exchangeMs: number): WorkerTimes => ({
  workerId: 'w',
  ranks,
  rankMs,
  exchangeMs,
});

test('workers that exchange for longer than they save by computing less: one would be faster', () => {
  const workers = [worker(2, 1, 12), worker(1, 1, 13), worker(1, 1, 13)];
  expect(stepTimes(workers)).toMatchObject({ computeMs: 2, exchangeMs: 12, fewer: { workers: 1, stepMs: 4 } });
});

test('workers that save more by computing less than they exchange', () => {
  expect(stepTimes([worker(2, 10, 3), worker(2, 10, 4)]).fewer).toBeUndefined();
});

test('a worker that computes less waits for the others, which is no exchange', () => {
  expect(stepTimes([worker(3, 10, 2), worker(1, 10, 22)])).toMatchObject({ computeMs: 30, exchangeMs: 2 });
});

test('what one worker would take, to say what the others are worth', () => {
  expect(stepTimes([worker(2, 10, 3), worker(2, 12, 4)])).toMatchObject({ computeMs: 24, exchangeMs: 3, aloneMs: 40 });
});

test('a worker too slow for its rank: the others would be faster without it', () => {
  const workers = [worker(2, 1, 50), worker(1, 1, 51), worker(1, 50, 1)];
  expect(stepTimes(workers).fewer).toEqual({ workers: 2, stepMs: 3 });
});

test('a difference that noise could make is no reason to warn', () => {
  expect(stepTimes([worker(2, 10, 21), worker(2, 10, 22)]).fewer).toBeUndefined();
  expect(stepTimes([worker(2, 10, 30), worker(2, 10, 30)]).fewer).toEqual({ workers: 1, stepMs: 40 });
});
