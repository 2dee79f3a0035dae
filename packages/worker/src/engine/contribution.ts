// One rank's contribution to a step: its share of the batch's mean gradient, of the non-trainable weights, and of the
// loss.
import { tf } from '@stillhouse/native/tfjs';
import { hashName, type Job } from '@stillhouse/core';
import { augment, formOf, variantAt } from '../augment/augment.js';
import { refuseWrongIndices } from '../model/embedded-inputs.js';
import type { PreparedBatch } from '../objective/objective.js';
import type { ComputeTask, RankRows } from './engine.js';
import { tensorsOf } from './micro-batch.js';
import type { Pass } from './pass.js';
import type { PhaseModel } from './phase-model.js';
import { partOf } from './start-model.js';
import type { Leaf } from './state-home.js';

/** Which rows of which rank, in which step. */
export interface MicroBatchPlace extends RankRows {
  readonly epoch: number;
  readonly step: number;
}

/** Reads and augments the rank's rows, adds those of transfer sets, and gets the teacher's outputs. */
async function prepareBatch(
  job: Job,
  model: PhaseModel,
  { epoch, step, rank, rows }: MicroBatchPlace,
): Promise<PreparedBatch> {
  const { answers, dataset, home, objective, phase, reader, transfer } = model;
  const { config, schedule } = phase;
  // Nothing keeps the inputs beyond the pass.
  const allocate = transfer || config.augment ? undefined : home.staging;
  const plain = await reader.read({ rank, rows, allocate });
  const where = { seed: schedule.seed, epoch, step, rank };
  const batch = config.augment ? augment(plain, rows, config.augment, { where, form: formOf(dataset) }) : plain;
  const added = (await transfer?.add({ batch: plain, rows, where })) ?? [];
  const embedded = { part: partOf(phase.name), indexCount: model.indexCount };
  const rowName = (row: number): string => `row ${rows[row] + 1} of the set ${phase.trainSet}`;
  refuseWrongIndices(batch.x, embedded, { count: rows.length, name: rowName });
  const own = { rows: rows.length, answers: await answers?.of(rows, variantAt(config.augment, epoch)) };
  const width = plain.x.length / rows.length;
  const inputs = added.map(({ x }) => x);
  const addedName = (): string => 'a row of a transfer set';
  for (const x of inputs) refuseWrongIndices(x, embedded, { count: x.length / width, name: addedName });
  return objective.prepare({
    ...tensorsOf(batch, dataset, inputs),
    epoch,
    parts: [own, ...added.map((each) => ({ rows: each.x.length / width, answers: each.answers }))],
  });
}

/** The rank's rows as bytes, if the home takes them so. */
async function byteBatch(
  { home, reader }: PhaseModel,
  { rows }: MicroBatchPlace,
): Promise<Pick<Pass, 'batch' | 'bytes'> | undefined> {
  const form = await home.byteBatch?.(rows.length);
  if (!form) return undefined;
  const { x, y } = await reader.readBytes(rows, form.allocate);
  return { batch: form.batch, bytes: [x, y] };
}

/**
 * Runs the pass of a micro-batch that the reader is prepared for.
 * @returns whether all outputs are finite
 */
export async function runMicroBatch(
  job: Job,
  model: PhaseModel,
  at: MicroBatchPlace & Pick<Pass, 'share'>,
  run: (pass: Pass) => Promise<boolean>,
): Promise<boolean> {
  const { share, epoch, step, rank } = at;
  const key = [model.phase.schedule.seed, hashName('noise'), epoch, step, rank];
  const asBytes = await byteBatch(model, at);
  if (asBytes) return run({ ...asBytes, key, share });
  const batch = await prepareBatch(job, model, at);
  const isFinite = await run({ batch, key, share });
  tf.dispose([...batch.inputs]);
  return isFinite;
}

/** Where a contribution holds the losses of all ranks; clears them and what comes after them. */
export const clearedLosses = ({ rest }: Leaf, { phase }: PhaseModel): Float32Array =>
  rest.fill(0).subarray(0, phase.schedule.ranks);

/** Writes it in the layout of core/collective/flat-layout.ts; the loss is NaN if any number is not finite. */
export async function writeContribution(
  job: Job,
  model: PhaseModel,
  task: ComputeTask,
  { rank, leaf }: { rank: number; leaf: Leaf },
): Promise<void> {
  const { rows } = task.ranks.find((entry) => entry.rank === rank)!;
  if (rows.length === 0) return leaf.clear();
  const losses = clearedLosses(leaf, model);
  const at = { epoch: task.epoch, step: task.step, rank, rows, share: rows.length / task.batch };
  const isFinite = await runMicroBatch(job, model, at, (pass) => leaf.write(pass, losses.subarray(rank, rank + 1)));
  if (!isFinite) losses[rank] = NaN;
}
