// The backend that a job is computed with, as its recipe asks for it.
import { precisionRefusal, StillhouseError, usesTf32, type Job } from '@stillhouse/core';
import { openBackend, type Backend, type Probe } from '../backend/open-backend.js';
import type { BackendName } from '../backend/registry.js';

/** @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_KERNEL, and what the probe throws */
export async function openForJob({ recipe }: Job, wanted: BackendName, probe: Probe): Promise<Backend> {
  const backend = await openBackend(wanted, { threads: recipe.threads, tf32: usesTf32(recipe), probe });
  const refused = precisionRefusal(recipe, backend.name);
  if (refused !== undefined)
    throw new StillhouseError('BACKEND_UNAVAILABLE', refused, {
      next: 'Install it with `stillhouse backend install tensorflow`, or choose another precision.',
    });
  return backend;
}
