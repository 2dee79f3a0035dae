// What an engine holds for the phase that it trains: the model on flat buffers, the objective, and the source of its
// rows.
import { datasetOf, limits, type DatasetManifest, type Job, type Phase } from '@stillhouse/core';
import { slotsPerRank, stepsPerEpoch, type FlatLayout } from '@stillhouse/core/cluster';
import { BlockReader, TrainingReader } from '@stillhouse/datasets';
import type { FetchBlock } from '../block/fetch-block.js';
import type { TeacherAnswers } from '../distill/teacher/teacher-answers.js';
import type { Teacher } from '../distill/teacher/teacher.js';
import { answersAbout } from '../distill/transfer/known-rows.js';
import { TransferSets, type TransferOptions } from '../distill/transfer/transfer-sets.js';
import { FlatModel, flatSizes } from '../flat/model.js';
import { createOptimizer, type FlatOptimizer } from '../flat/optimizer.js';
import { indexCountOf } from '../model/embedded-inputs.js';
import type { Objective } from '../objective/objective.js';
import { localWeights, outerOptimizer, type LocalWeights } from './local-weights.js';
import { objectiveOf } from './phase-objective.js';
import { Pruning } from './pruning.js';
import { RankStep } from './rank-step.js';
import { startModel } from './start-model.js';

export interface PhaseModel {
  readonly phase: Phase;
  readonly flat: FlatModel;
  /** Of the weights that all ranks share. */
  readonly optimizer: FlatOptimizer;
  /** What a rank trains by itself between exchanges; its weights are those of all if there is none. */
  readonly local: LocalWeights | undefined;
  readonly pruning: Pruning | undefined;
  readonly objective: Objective;
  readonly step: RankStep;
  readonly dataset: DatasetManifest;
  readonly reader: TrainingReader;
  /** Only for a student that also learns from transfer sets. */
  readonly transfer: TransferSets | undefined;
  /** The teacher's outputs for the student's own rows, if they come again. */
  readonly answers: TeacherAnswers | undefined;
  /** Reads validation and test rows. */
  readonly evaluated: BlockReader;
  /** Inputs are whole numbers below this; undefined if the model embeds none. */
  readonly indexCount: number | undefined;
  readonly layout: FlatLayout;
}

export interface PhaseModelOptions {
  /** The teacher that the phase learns from and may copy layers of; undefined if there is none. */
  readonly teacher: Teacher | undefined;
  readonly fetchBlock: FetchBlock;
  /** Whether steps may be recorded as graphs. */
  readonly trace: boolean;
  /** Called once with the reason why steps stay eager although the backend could record them. */
  readonly onEager: (reason: string) => void;
}

/** @throws StillhouseError as building the model does, and MODEL_LAYER */
export async function buildPhaseModel(job: Job, phase: Phase, options: PhaseModelOptions): Promise<PhaseModel> {
  const { fetchBlock, teacher, trace, onEager } = options;
  const { config, schedule, sync } = phase;
  const dataset = datasetOf(job.dataset, phase.name);
  const model = await startModel(job, phase, teacher);
  const objective = objectiveOf(job, phase, { model, teacher });
  const { parameterCount, otherCount } = flatSizes(model, objective.weights);
  const local = sync && (await localWeights(config.optimizer, { sync, model, sizes: { parameterCount, otherCount } }));
  const layout = {
    gradients: parameterCount,
    otherWeights: otherCount + (local?.moments.length ?? 0) * parameterCount,
  };
  const optimizer = createOptimizer(sync ? outerOptimizer(sync) : config.optimizer, {
    parameterCount,
    restCount: layout.otherWeights + schedule.ranks * slotsPerRank,
  });
  const flat = await FlatModel.of(model, optimizer, objective.weights);
  const { respond } = objective;
  const teaching = respond && { dataset, fetchBlock, respond };
  const set = dataset.sets[phase.trainSet]!;
  return {
    phase,
    flat,
    optimizer,
    local,
    pruning: config.prune && new Pruning(config.prune, stepsPerEpoch(schedule)),
    objective,
    step: new RankStep(local?.flat ?? flat, { trace, onEager }),
    layout,
    dataset,
    indexCount: indexCountOf(model),
    transfer: teaching && transferOf(phase, teaching),
    answers: teaching && answersAbout(set, { ...teaching, augment: config.augment, seed: schedule.seed }),
    reader: new TrainingReader(dataset, set, schedule, fetchBlock),
    evaluated: new BlockReader(dataset, fetchBlock, limits.keptBlockBytes),
  };
}

function transferOf(
  { distill, schedule }: Phase,
  options: Omit<TransferOptions, 'schedule'>,
): TransferSets | undefined {
  if (!distill || distill.transfer.length === 0) return undefined;
  return new TransferSets(distill.transfer, { ...options, schedule });
}
