// What a job would train, and with which backend, without training it.
import { openModules, type Job } from '@stillhouse/core';
import type { Backend } from '../backend/open-backend.js';
import type { BackendName } from '../backend/registry.js';
import type { FetchBlock } from '../block/fetch-block.js';
import { openForJob } from './open-for-job.js';
import { probe, type ProbedModel } from './probe.js';

export interface ProbedJob {
  readonly backend: Backend;
  /** In the order of their phases; the baseline has the student's model. */
  readonly models: readonly ProbedModel[];
}

/** @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_KERNEL, MODEL_… */
export async function probeModels(job: Job, fetchBlock: FetchBlock, wanted: BackendName): Promise<ProbedJob> {
  await openModules(job.recipe);
  let models: readonly ProbedModel[] = [];
  const { name, reason, fingerprint } = await openForJob(job, wanted, async () => {
    models = await probe(job, fetchBlock);
  });
  return { backend: { name, reason, fingerprint }, models };
}
