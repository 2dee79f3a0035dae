// A model of a run, ready for inference.
import { join } from 'node:path';
import { firstLineOf, StillhouseError, type ModelMetadata, type PhaseName } from '@stillhouse/core';
import type { loadModel } from '@stillhouse/worker';
import { parseModelMetadata } from './model-metadata.js';
import { readModelFiles, type TrainedRun } from './trained-run.js';

export interface TrainedModel {
  readonly model: Awaited<ReturnType<typeof loadModel>>;
  readonly metadata: ModelMetadata;
}

/** @throws StillhouseError RUN_INCOMPLETE, DATA_FORMAT */
export async function openModel(run: TrainedRun, name: PhaseName): Promise<TrainedModel> {
  try {
    const { json, weights } = readModelFiles(run, name);
    const metadata = parseModelMetadata(json, join(run.folder, name, 'model.json'));
    const { loadModel } = await import('@stillhouse/worker');
    return { model: await loadModel(json, weights), metadata };
  } catch (cause) {
    if (cause instanceof StillhouseError) throw cause;
    const folder = join(run.folder, name);
    throw new StillhouseError('DATA_FORMAT', `${folder} has no complete model: ${firstLineOf(cause)}`, {
      cause,
      next: 'Run again, or restore the folder from a copy.',
    });
  }
}
