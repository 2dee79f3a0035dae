// How many workers this machine gets, and which GPU each of them sees.
import { availableParallelism } from 'node:os';
import type { Recipe } from '@stillhouse/core';
import { installedEngines, visibleGpus, type Gpu } from '@stillhouse/native';
import type { BackendName } from '@stillhouse/worker/light';

export const defaultWorkers = 2;

export interface Room {
  readonly cores: number;
  /** That workers would compute on. */
  readonly gpus: readonly Pick<Gpu, 'uuid'>[];
}

/** What workers of a backend have on this machine: GPUs count where TensorFlow is installed with CUDA. */
export function roomFor(backend: BackendName, env: NodeJS.ProcessEnv): Room {
  const usesCuda =
    (backend === 'auto' || backend === 'tensorflow') && installedEngines(env, 'tensorflow')[0]?.manifest.cuda === true;
  return { cores: availableParallelism(), gpus: usesCuda ? visibleGpus(env) : [] };
}

/**
 * One environment for each worker. `auto` is one worker per GPU, without GPUs as many as the cores allow with the
 * recipe's threads per rank; at least one, at most one per rank. Each worker sees one GPU only.
 */
export function placeWorkers(
  wanted: number | 'auto',
  { ranks, threads }: Pick<Recipe, 'ranks' | 'threads'>,
  { cores, gpus }: Room,
): { CUDA_VISIBLE_DEVICES?: string }[] {
  const room = gpus.length || Math.floor(cores / threads);
  const count = wanted === 'auto' ? Math.max(1, Math.min(ranks, room)) : wanted;
  return Array.from({ length: count }, (_, index) =>
    gpus.length ? { CUDA_VISIBLE_DEVICES: gpus[index % gpus.length].uuid } : {},
  );
}
