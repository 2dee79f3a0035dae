// A search continues from its own earlier trainings, and ignores damaged lines and those of other searches.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { TrialLog } from './trial-log.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-trials-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('trainings of this search come back, also those whose metrics are not finite', () => {
  const file = join(folder, 'trials.jsonl');
  const entry = { of: 'a', trial: 0, values: { 'distill.alpha': 1 }, fold: 0, seconds: 2, fingerprint: 'cpu' };
  const log = new TrialLog(file, 'a');
  log.add({ ...entry, metrics: { loss: Infinity, rows: 4, rmse: 0.5 } });
  log.add({ ...entry, fold: 1, notFinite: 'the loss is not a finite number' });
  new TrialLog(file, 'b').add({ ...entry, of: 'b', fold: 2 });
  // The first line has no count of rows; a process died while it wrote the second.
  appendFileSync(file, `${JSON.stringify({ ...entry, fold: 3, metrics: { loss: 1 } })}\n{"of":"a","tri`);
  const again = new TrialLog(file, 'a');
  expect(again.size).toBe(2);
  expect(again.find({ values: entry.values, fold: 0 })?.metrics).toEqual({ loss: NaN, rows: 4, rmse: 0.5 });
  expect(again.find({ values: entry.values, fold: 1 })?.notFinite).toBe('the loss is not a finite number');
});
