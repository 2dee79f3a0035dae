// What a job would train, and with which backend, without training it.
import { openModules, type Job } from '@stillhouse/core';
import { openBackend } from '../backend/open-backend.js';
import type { BackendName, ConcreteBackendName } from '../backend/registry.js';
import type { FetchBlock } from '../block/fetch-block.js';
import { probe, type ProbedModel } from './probe.js';

export interface ProbedJob {
  readonly backend: {
    readonly name: ConcreteBackendName;
    /** Why this one, for people. */
    readonly reason: string;
  };
  /** In the order of their phases; the baseline has the student's model. */
  readonly models: readonly ProbedModel[];
}

/** @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_KERNEL, MODEL_… */
export async function probeModels(job: Job, fetchBlock: FetchBlock, wanted: BackendName): Promise<ProbedJob> {
  await openModules(job.recipe);
  let models: readonly ProbedModel[] = [];
  const { name, reason } = await openBackend(wanted, {
    threads: job.recipe.threads,
    probe: async () => {
      models = await probe(job, fetchBlock);
    },
  });
  return { backend: { name, reason }, models };
}
