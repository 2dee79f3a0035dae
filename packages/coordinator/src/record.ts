// run.json as a pure function of what happened.
import { createHash } from 'node:crypto';
import { protocolVersion, type CoordinatorNotice, type ErrorRecord, type Job, type PhaseRecord, type RunRecord } from '@stillhouse/core';

const hashJson = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

export interface RunStart {
  readonly job: Job;
  readonly recipeFolder: string;
  readonly version: string;
  readonly startedAt: string;
}

export function startRecord({ job, recipeFolder, version, startedAt }: RunStart): RunRecord {
  const { recipe, dataset } = job;
  const rows = Object.fromEntries(Object.entries(dataset.sets).map(([name, set]) => [name, set.rowCount]));
  const { sets, ...shape } = dataset;
  return {
    runId: job.runId, name: recipe.name, status: 'running', startedAt, recipe, recipeFolder, recipeSha256: hashJson(recipe), seed: recipe.seed,
    versions: { stillhouse: version, node: process.versions.node, protocol: protocolVersion },
    dataset: { ...shape, rows, sha256: hashJson(sets) }, workers: [],
  };
}

const bytesPerWeight = 4;

export function recordNotice(record: RunRecord, notice: CoordinatorNotice): RunRecord {
  switch (notice.type) {
    case 'joined': {
      const { workerId, host, fingerprint } = notice.worker;
      return { ...record, workers: [...record.workers, { workerId, host, fingerprint }] };
    }
    case 'phaseAssigned': {
      if (notice.phase !== 'teacher') return record;
      const ranks = new Map(notice.workers.map((worker) => [worker.workerId, worker.ranks]));
      return { ...record, workers: record.workers.map((worker) => ({ ...worker, ...(ranks.get(worker.workerId) ? { ranks: ranks.get(worker.workerId)! } : {}) })) };
    }
    case 'phaseDone':
      return { ...record, [notice.record.phase]: phaseOfRecord(notice.record) };
    default:
      return record;
  }
}

const phaseOfRecord = (phase: PhaseRecord): NonNullable<RunRecord['teacher']> => ({ ...phase, epochs: [...phase.epochs], bytes: phase.parameters * bytesPerWeight });

export function endRecord(record: RunRecord, endedAt: string, error: ErrorRecord | undefined): RunRecord {
  return { ...record, status: error ? 'failed' : 'done', ...(error ? { error: { code: error.code, message: error.message } } : {}), endedAt };
}
