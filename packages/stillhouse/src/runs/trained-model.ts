// A model of a run, ready for inference.
import { join } from 'node:path';
import { z } from 'zod';
import { firstLineOf, StillhouseError, type ModelMetadata, type PhaseName } from '@stillhouse/core';
import type { loadModel } from '@stillhouse/worker';
import { parseModelMetadata } from './model-metadata.js';
import { filesIn, readModelFiles, type TrainedRun } from './trained-run.js';

export interface TrainedModel {
  readonly model: Awaited<ReturnType<typeof loadModel>>;
  readonly metadata: ModelMetadata;
}

const faultOf = ({ issues: [issue] }: z.ZodError): string =>
  `model.json, ${issue.path.map(String).join('.')}: ${issue.message}`;

/** DATA_FORMAT, unless the error already says what is wrong. */
function incomplete(folder: string, cause: unknown): StillhouseError {
  if (cause instanceof StillhouseError) return cause;
  const why = cause instanceof z.ZodError ? faultOf(cause) : firstLineOf(cause);
  return new StillhouseError('DATA_FORMAT', `${folder} has no complete model: ${why}`, {
    cause,
    next: 'Run again, or restore the folder from a copy.',
  });
}

async function openFiles(folder: string, read: () => { json: string; weights: Uint8Array }): Promise<TrainedModel> {
  try {
    const { json, weights } = read();
    const metadata = parseModelMetadata(json, join(folder, 'model.json'));
    const { loadModel } = await import('@stillhouse/worker');
    return { model: await loadModel(json, weights), metadata };
  } catch (cause) {
    throw incomplete(folder, cause);
  }
}

/**
 * What a model's files say about feeding it and reading its outputs.
 * @throws StillhouseError RUN_INCOMPLETE, DATA_FORMAT
 */
export function readMetadata(run: TrainedRun, name: PhaseName): ModelMetadata {
  const folder = join(run.folder, name);
  try {
    return parseModelMetadata(readModelFiles(run, name).json, join(folder, 'model.json'));
  } catch (cause) {
    throw incomplete(folder, cause);
  }
}

/** @throws StillhouseError RUN_INCOMPLETE, DATA_FORMAT */
export const openModel = (run: TrainedRun, name: PhaseName): Promise<TrainedModel> =>
  openFiles(join(run.folder, name), () => readModelFiles(run, name));

/**
 * A model in a folder of its own, such as a compressed one.
 * @throws StillhouseError DATA_FORMAT
 */
export const openModelFolder = (folder: string): Promise<TrainedModel> => openFiles(folder, () => filesIn(folder));
