// What an engine holds for the phase that it trains: the model on flat buffers, the objective, and the source of its
// rows.
import { datasetOf, limits, type DatasetManifest, type Job, type Phase } from '@stillhouse/core';
import type { FlatLayout } from '@stillhouse/core/cluster';
import { BlockReader, TrainingReader } from '@stillhouse/datasets';
import type { FetchBlock } from '../block/fetch-block.js';
import type { TeacherAnswers } from '../distill/teacher/teacher-answers.js';
import type { Teacher } from '../distill/teacher/teacher.js';
import { answersAbout } from '../distill/transfer/known-rows.js';
import { TransferSets, type TransferOptions } from '../distill/transfer/transfer-sets.js';
import { flatSizes } from '../flat/model.js';
import { indexCountOf } from '../model/embedded-inputs.js';
import type { Objective } from '../objective/objective.js';
import { homeOf, type HomeOptions } from './home-of.js';
import { localWeights, type LocalWeights } from './local-weights.js';
import { objectiveOf } from './phase-objective.js';
import { startModel } from './start-model.js';
import type { StateHome } from './state-home.js';

export interface PhaseModel {
  readonly phase: Phase;
  /** Of the weights that all ranks share, and of their optimiser. */
  readonly home: StateHome;
  /** What a rank trains by itself between exchanges; its weights are those of all if there is none. */
  readonly local: LocalWeights | undefined;
  readonly objective: Objective;
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

export interface PhaseModelOptions extends HomeOptions {
  /** The teacher that the phase learns from and may copy layers of; undefined if there is none. */
  readonly teacher: Teacher | undefined;
  readonly fetchBlock: FetchBlock;
}

/** @throws StillhouseError as building the model does, and MODEL_LAYER */
export async function buildPhaseModel(job: Job, phase: Phase, options: PhaseModelOptions): Promise<PhaseModel> {
  const { fetchBlock, teacher, step } = options;
  const { config, schedule, sync } = phase;
  const dataset = datasetOf(job.dataset, phase.name);
  const model = await startModel(job, phase, teacher);
  const objective = objectiveOf(job, phase, { model, teacher });
  const { parameterCount, otherCount } = flatSizes(model, objective.weights);
  const sizes = { parameterCount, otherCount };
  const local = sync && (await localWeights(config.optimizer, { sync, model, sizes, step }));
  const layout = {
    gradients: parameterCount,
    otherWeights: otherCount + (local?.moments.length ?? 0) * parameterCount,
  };
  const home = await homeOf(phase, { dataset, model, objective, layout, options });
  const { respond } = objective;
  const teaching = respond && { dataset, fetchBlock, respond };
  const set = dataset.sets[phase.trainSet]!;
  return {
    phase,
    home,
    local,
    objective,
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
