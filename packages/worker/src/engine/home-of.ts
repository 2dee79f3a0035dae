// Which home the state of a phase gets.
import type { tf } from '@stillhouse/native/tfjs';
import type { DatasetManifest, Phase } from '@stillhouse/core';
import { slotsPerRank, stepsPerEpoch, type FlatLayout } from '@stillhouse/core/cluster';
import { nativeTracing } from '@stillhouse/native/engines';
import { allocateFlat, sharedFloats } from '../flat/memory.js';
import { flushesDenormals } from '../device/flushes-denormals.js';
import { FlatModel } from '../flat/model.js';
import { createOptimizer } from '../flat/optimizer.js';
import type { Objective } from '../objective/objective.js';
import { indexCountOf } from '../model/embedded-inputs.js';
import { ByteBatches, scalingOf } from './byte-batches.js';
import { DeviceHome } from './device-home.js';
import { HostHome } from './host-home.js';
import { outerOptimizer } from './local-weights.js';
import { Pruning } from './pruning.js';
import { RankStep, type StepOptions } from './rank-step.js';
import type { StateHome } from './state-home.js';

export interface HomeOptions {
  readonly step: StepOptions;
  /** Whether the state lies on the device, if it can; undefined as the backend wants it. */
  readonly device: boolean | undefined;
}

interface HomeQuestion {
  readonly dataset: DatasetManifest;
  readonly model: tf.LayersModel;
  readonly objective: Objective;
  readonly layout: FlatLayout;
  readonly options: HomeOptions;
}

/** Nothing in host memory may want the numbers of the inputs: no augmentation, no teacher, no embedding of them. */
function byteBatchesOf(
  { config }: Phase,
  { dataset, objective, indexCount }: Pick<HomeQuestion, 'dataset' | 'objective'> & { indexCount: number | undefined },
): ByteBatches | undefined {
  if (config.augment || objective.respond || indexCount !== undefined) return undefined;
  const scaling = scalingOf(dataset);
  return scaling && new ByteBatches(dataset, objective, scaling);
}

/** Rounds, pruning and constraints change weights in host memory. */
const isSteppedOnDevice = ({ config, sync }: Phase): boolean => sync === undefined && config.prune === undefined;

/** @throws StillhouseError MODEL_INVALID if host memory is too small for what lies there */
export async function homeOf(
  phase: Phase,
  { dataset, model, objective, layout, options }: HomeQuestion,
): Promise<StateHome> {
  const { config, schedule, sync } = phase;
  const parameterCount = layout.gradients;
  const restCount = layout.otherWeights + schedule.ranks * slotsPerRank;
  const { step, device } = options;
  const tools = step.trace && isSteppedOnDevice(phase) ? nativeTracing() : undefined;
  if (tools && (device ?? tools.isStateOnDevice)) {
    const flat = await FlatModel.of(model, { parameters: sharedFloats(parameterCount) }, objective.weights);
    if (!flat.isConstrained) {
      const { buffers, sums } = allocateFlat([parameterCount + restCount], { flushes: flushesDenormals(tools) });
      const { onEager } = step;
      const byteBatches = byteBatchesOf(phase, { dataset, objective, indexCount: indexCountOf(model) });
      const flatGradient = buffers[0];
      return new DeviceHome(tools, { phase, layout, flat, flatGradient, memory: sums, onEager, byteBatches });
    }
  }
  const optimizer = createOptimizer(sync ? outerOptimizer(sync) : config.optimizer, { parameterCount, restCount });
  const flat = await FlatModel.of(model, optimizer, objective.weights);
  return new HostHome({
    phase,
    layout,
    flat,
    optimizer,
    step: new RankStep(flat, step),
    pruning: config.prune && new Pruning(config.prune, stepsPerEpoch(schedule)),
  });
}
