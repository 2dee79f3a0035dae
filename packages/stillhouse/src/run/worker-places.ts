// How many workers this machine runs, and which GPU each of them sees.
import { availableParallelism } from 'node:os';
import type { Recipe } from '@stillhouse/core';
import { hasCuda, visibleGpus, type Gpu } from '@stillhouse/native';
import { backends, concreteBackendNames, type BackendName } from '@stillhouse/worker/light';

export const defaultWorkers = 2;

export interface Room {
  readonly cores: number;
  /** GPUs that workers would compute on. */
  readonly gpus: readonly Pick<Gpu, 'uuid'>[];
}

/** The resources for workers of a backend on this machine; GPUs count if its engine is installed with CUDA. */
export function roomFor(backend: BackendName, env: NodeJS.ProcessEnv): Room {
  const usesCuda = (backend === 'auto' ? concreteBackendNames : [backend]).some((name) => {
    const { engine } = backends[name];
    return engine !== undefined && hasCuda(env, engine);
  });
  return { cores: availableParallelism(), gpus: usesCuda ? visibleGpus(env) : [] };
}

/**
 * One environment per worker. `auto` is one worker per GPU or, without GPUs, as many as the cores allow with the
 * recipe's threads per rank; at least one, at most one per rank. Each worker sees only one GPU.
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
