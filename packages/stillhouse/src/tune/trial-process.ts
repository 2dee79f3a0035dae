// A process that runs one trial after the other; it ends when its parent does.
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { invariant, limits, StillhouseError, toErrorRecord } from '@stillhouse/core';
import { trialJob } from '@stillhouse/core/tune';
import { BlockFolder } from '@stillhouse/datasets';
import { tfjsEngine, trainPhase } from '@stillhouse/worker';
import type { FromTrials, ToTrials, TrialOutcome, TrialRequest, TrialResult, TrialSetting } from './trial-messages.js';

let setting: TrialSetting | undefined;

const say = (message: FromTrials): void => void process.send!(message);

async function fetchBlock(hash: string): Promise<Uint8Array> {
  const { job, teacher } = setting!;
  if (hash === teacher?.sha256) return readFileSync(teacher.file);
  const bytes = await new BlockFolder(job.blockFolder!).read(hash);
  if (!bytes) throw new StillhouseError('BLOCK_CORRUPT', `block ${hash.slice(0, 12)} of the prepared data is missing`);
  return bytes;
}

let yieldedMs = performance.now();
/** Lets the end of the parent be noticed while a trial computes, which may take hours. */
async function yieldToEvents(): Promise<void> {
  if (performance.now() - yieldedMs < limits.yieldIntervalMs) return;
  await setImmediate();
  yieldedMs = performance.now();
}

async function runTrial({ values, fold, phase }: TrialRequest): Promise<TrialResult> {
  invariant(setting, 'a setting came first');
  const startedMs = performance.now();
  const job = trialJob(setting.job, values, fold);
  const engine = await tfjsEngine(setting.backend)(job, fetchBlock, yieldToEvents);
  const resultOf = (outcome: TrialOutcome): TrialResult => ({
    outcome,
    fingerprint: engine.fingerprint,
    seconds: (performance.now() - startedMs) / 1000,
  });
  try {
    const teacher = phase === 'student' ? setting.teacher?.sha256 : undefined;
    const { test, epochs } = await trainPhase(engine, job, phase, teacher);
    const curve = epochs.flatMap(({ validation }) => validation ?? []);
    return resultOf({ metrics: test!.metrics, ...(fold.isWatched ? { curve } : {}) });
  } catch (error) {
    if (error instanceof StillhouseError && error.code === 'LOSS_NOT_FINITE')
      return resultOf({ notFinite: error.message });
    throw error;
  } finally {
    await engine.dispose();
  }
}

process.on('message', (message: ToTrials) => {
  if (message.type === 'begin') setting = message.setting;
  else
    void runTrial(message.request).then(
      (result) => say({ type: 'result', ...result }),
      (error: unknown) => say({ type: 'failed', error: toErrorRecord(error) }),
    );
});
process.on('disconnect', () => process.exit(0));
// A terminal sends them to the whole group; the parent decides what follows.
for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => {});
