// What a terminal shows of a run while it trains.
import { expect, test } from 'vitest';
import { parseRecipe, type CoordinatorNotice, type EpochRecord, type Job } from 'stillhouse';
import { emptyView, viewAfter, viewLines, type View } from './view.js';

const job = {
  recipe: parseRecipe({
    name: 'small',
    data: { large: { generator: 'friedman1', rows: 6400 }, test: { generator: 'friedman1', rows: 10, seed: 1 } },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 1 }] }, batch: 64, epochs: 10 },
  }),
  dataset: { sets: { large: { rowCount: 6400, blockRows: 6400, blocks: [] } } },
} as unknown as Job;

/** Notices with the seconds at which they come. */
const after = (...notices: [number, CoordinatorNotice][]): View =>
  notices.reduce((view, [seconds, notice]) => viewAfter(view, notice, { job, nowMs: 1000 * seconds }), emptyView);

const assigned = (...workers: string[]): CoordinatorNotice => ({
  type: 'phaseAssigned',
  phase: 'teacher',
  generation: 1,
  ops: 0,
  members: workers.map((workerId, i) => ({ workerId, ranks: { lo: i, hi: i + 1 } })),
  idle: [],
  reason: '',
  cause: '',
});
const step = (number: number, loss = 0.123456): CoordinatorNotice => ({
  type: 'progress',
  phase: 'teacher',
  step: number,
  loss,
});
const record = (epoch: number): EpochRecord => ({
  epoch,
  rows: 6400,
  rowsDigest: '',
  trainLoss: 0.0123456,
  learningRate: 0.1,
  validation: { loss: 0.5, rows: 10, r2: 0.91239, rmse: 1234.5678, mae: 0.000012345 },
  seconds: 3,
});
const epoch = (number: number): CoordinatorNotice => ({ type: 'epoch', phase: 'teacher', record: record(number) });

test('phase, epoch, loss, metrics so far, rate, time left and workers, in 80 columns', () => {
  const lines = viewLines(after([0, assigned('w1', 'w2')], [1, step(10)], [11, step(110)], [11, epoch(0)]), job, 80);
  expect(lines).toEqual([
    'teacher  ██░░░░░░░░░░░░░░░░░░░░░░  11 %  ETA 1 min 29 s  epoch 2/10',
    'loss 0.01235  validation r2 0.9124  validation rmse 1,235',
    'validation mae 1.234e-5  640 rows/s  2 workers',
  ]);
});

test('no line is as wide as the terminal, however narrow that is', () => {
  const view = after([0, assigned('w1', 'w2')], [1, step(10)], [11, step(110)], [11, epoch(0)]);
  for (const columns of [50, 60, 70, 80, 200])
    for (const line of viewLines(view, job, columns)) expect(line.length).toBeLessThan(columns);
});

test('after a resume, steps of before count neither for the rate nor for the time left', () => {
  const [line, rate] = viewLines(after([0, assigned('w1')], [1, step(500)], [3, step(510)]), job, 80);
  expect(line).toContain('ETA 1 min 38 s');
  expect(rate).toContain('  320 rows/s  1 worker');
  expect(viewLines(after([0, assigned('w1')], [1, step(500)]), job, 80).join()).not.toMatch(/rows\/s|ETA/);
});

test('the rate is that of the last seconds', () => {
  const fast = Array.from({ length: 10 }, (_, i): [number, CoordinatorNotice] => [10 * i, step(80 * i)]);
  const view = after([0, assigned('w1')], ...fast, [100, step(721)], [110, step(722)], [120, step(723)]);
  expect(viewLines(view, job, 80)[1]).toContain('  6 rows/s');
});

test('reports of earlier epochs, which workers repeat, do not set the bar back', () => {
  expect(viewLines(after([0, assigned('w1')], [1, step(500)], [1, epoch(0)]), job, 80)[0]).toContain('  50 %');
});

test('a loss that is not finite is said, and nothing is shown between phases', () => {
  expect(viewLines(after([0, assigned('w1')], [1, step(5, NaN)]), job, 80)[1]).toContain('loss not finite');
  expect(viewLines(emptyView, job, 80)).toEqual([]);
});

test('a search shows its trainings', () => {
  const tuning = (done: number): CoordinatorNotice => ({ type: 'tuning', done, planned: 40, what: 'fold 2 of 5' });
  expect(viewLines(after([0, tuning(0)], [10, tuning(10)]), job, 80)).toEqual([
    'cross-validation  ██████░░░░░░░░░░░░░░░░░░  25 %  ETA 30.0 s',
    '10 of 40 trainings  fold 2 of 5',
  ]);
});

test('what a step waits for the exchange is shown once it is known', () => {
  const progress: CoordinatorNotice = { type: 'progress', phase: 'teacher', step: 10, loss: 1, exchangeMs: 2.5 };
  expect(viewLines(after([0, assigned('w1', 'w2')], [1, progress]), job, 80)[1]).toContain(
    '2 workers  exchange 2.50 ms',
  );
  expect(viewLines(after([0, assigned('w1', 'w2')], [1, step(10)]), job, 80).join()).not.toContain('exchange');
});

test('within a round of steps the step goes on, and the loss is the last that is known', () => {
  const within: CoordinatorNotice = { type: 'progress', phase: 'teacher', step: 320 };
  const [bar, loss] = viewLines(after([0, assigned('w1')], [1, step(10)], [2, within]), job, 80);
  expect(bar).toContain('32 %');
  expect(loss).toContain('loss 0.1235');
});
