// One rank's contribution to a round: it takes the round's steps by itself, each on its own micro-batch, and
// contributes how far it has come (DiLoCo, arXiv 2311.08105). The weights of all ranks stay as they are.
import { phaseLearningRate, type Job } from '@stillhouse/core';
import { microBatchesOf, noteFailedStep } from '@stillhouse/core/cluster';
import { clearedLosses, runMicroBatch } from './contribution.js';
import type { ComputeTask } from './engine.js';
import { beginRound, stepLocally, writeChange } from './local-weights.js';
import type { PhaseModel } from './phase-model.js';
import type { Leaf } from './state-home.js';

export interface RoundWatch {
  /** Awaited before each micro-batch; false ends the round early, with a contribution that nobody will use. */
  mayGoOn(): Promise<boolean>;
  onStepped(): void;
}

/**
 * Writes it in the layout of core/collective/flat-layout.ts, with the mean loss of the rank's rows over all steps. The
 * loss is NaN from the first number on that is not finite, and the rank's account has the step.
 */
export async function writeRound(
  job: Job,
  model: PhaseModel,
  task: ComputeTask,
  { rank, leaf, watch }: { rank: number; leaf: Leaf; watch: RoundWatch },
): Promise<void> {
  const { home, layout, phase, reader } = model;
  const { flat } = home;
  const { out } = leaf;
  const { schedule } = phase;
  const local = model.local!;
  const { rows: all } = task.ranks.find((entry) => entry.rank === rank)!;
  if (all.length === 0) return leaf.clear();
  const losses = clearedLosses(leaf, model);
  const loss = new Float32Array(1);
  const { epoch, order } = task;
  const at = { ranks: schedule.ranks, rank };
  // An optimiser with a past counts on.
  const before = local.moments.length > 0 ? task.step : 0;
  let lossSum = 0;
  let taken = 0;
  await beginRound(local, flat);
  // The model gets the rank's weights, so those of all must be loaded again before anything else computes with it.
  flat.outdated();
  for (const { step, rows } of microBatchesOf(schedule, { step: task.step, rank }, all)) {
    if (rows.length === 0) continue;
    if (!(await watch.mayGoOn())) return;
    reader.begin({ epoch, step, order, ranks: [{ rank, rows }] });
    const outputs = [loss, ...local.flat.views(local.optimizer.flatGradient)];
    const isFinite =
      (await runMicroBatch(job, model, { epoch, step, rank, rows, share: 1 }, (pass) =>
        local.step.run(pass, outputs),
      )) && (await stepLocally(local, { learningRate: phaseLearningRate(phase, step), step: before + taken }));
    if (!isFinite) {
      losses[rank] = NaN;
      return noteFailedStep(out, layout, { ...at, step: step - task.step });
    }
    lossSum += rows.length * loss[0];
    taken += 1;
    watch.onStepped();
  }
  losses[rank] = writeChange(local, flat, { share: all.length / task.batch, out }) ? lossSum / task.batch : NaN;
}
