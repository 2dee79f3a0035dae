// run.json as a pure function of what happened.
import {
  formatCount,
  formatMs,
  formatSeconds,
  type ErrorRecord,
  type Job,
  type PhaseRecord,
  type RunRecord,
} from '@stillhouse/core';
import { protocolVersion, type CoordinatorNotice, type RunHistory } from '@stillhouse/core/cluster';
import { sha256 } from '@stillhouse/datasets';

export const hashJson = (value: unknown): string => sha256(JSON.stringify(value));

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
    runId: job.runId,
    name: recipe.name,
    status: 'running',
    startedAt,
    recipe,
    recipeFolder,
    recipeSha256: hashJson(recipe),
    seed: recipe.seed,
    versions: { stillhouse: version, node: process.versions.node, protocol: protocolVersion },
    dataset: { ...shape, rows, sha256: hashJson(sets) },
    assetsSha256: hashJson(job.assets),
    workers: [],
    membershipChanges: 0,
    incidents: [],
  };
}

/** Whether a job is the one that a record describes: the same data and models. */
export function isSameJob(record: RunRecord, job: Job): boolean {
  if (record.dataset.sha256 !== hashJson(job.dataset.sets)) return false;
  // Version 0.1.0 did not write down which modules gave the rows: then only the blocks are compared.
  const before = { ...job.assets, sources: undefined };
  return [job.assets, before].some((assets) => record.assetsSha256 === hashJson(assets));
}

/**
 * The record of a run that goes on. Phases that the journal knows are in it, even if the coordinator was killed between
 * writing the journal and writing run.json.
 */
export function resumeRecord(before: RunRecord, { done }: RunHistory): RunRecord {
  const { error, endedAt, ...rest } = before;
  const phases = Object.fromEntries(done.map(({ record }) => [record.phase, phaseOfRecord(record)]));
  return { ...rest, ...phases, status: 'running' };
}

const incidentsKept = 1000;

/** Workers that a change of membership left without a rank. */
function withoutRank(notice: CoordinatorNotice & { type: 'phaseAssigned' }): { what: string } | undefined {
  const spares = notice.members.filter(({ ranks }) => ranks.hi === ranks.lo).map(({ workerId }) => workerId);
  if (spares.length === 0 || notice.cause === '') return undefined;
  return { what: `${spares.join(', ')} without a rank from operation ${formatCount(notice.ops)} on: ${notice.cause}` };
}

/** What went wrong or slowly, as a sentence. */
export function incidentOf(notice: CoordinatorNotice): { workerId?: string; what: string } | undefined {
  switch (notice.type) {
    case 'left':
      return { workerId: notice.workerId, what: `left: ${notice.reason}` };
    case 'silent':
      return { workerId: notice.workerId, what: `has sent no heartbeat for ${formatSeconds(notice.silentMs / 1000)}` };
    case 'slow':
      return {
        workerId: notice.workerId,
        what: `holds up the others: ${formatMs(notice.rankMs)} per rank, the others take ` + formatMs(notice.typicalMs),
      };
    case 'stalling':
      return {
        workerId: notice.workerId,
        what:
          `has made no progress for ${formatSeconds(notice.forMs / 1000)}; ${notice.waiting.join(', ')} wait for ` +
          'it',
      };
    case 'excluded':
      return { workerId: notice.workerId, what: `is left out for ${notice.forMs / 1000} s: ${notice.reason}` };
    case 'phaseAssigned':
      return withoutRank(notice);
    case 'waiting':
      return { what: `training waits for ${notice.reason}` };
    case 'notSaved':
      return { what: `${notice.what} could not be written: ${notice.reason}` };
    case 'blockSpoilt':
      return { what: notice.what };
    case 'checkpointUnusable':
      return {
        what: `checkpoint ${notice.sha256.slice(0, 12)} cannot be used: ${notice.reason}; the previous one is used`,
      };
    default:
      return undefined;
  }
}

type Workers = RunRecord['workers'];

const changed = (workers: Workers, workerId: string, change: (worker: Workers[number]) => Workers[number]): Workers =>
  workers.map((worker) => (worker.workerId === workerId ? change(worker) : worker));

export function recordNotice(record: RunRecord, notice: CoordinatorNotice, at: string): RunRecord {
  const incident = incidentOf(notice);
  const updated = incident
    ? { ...record, incidents: [...record.incidents, { at, ...incident }].slice(-incidentsKept) }
    : record;
  switch (notice.type) {
    case 'joined': {
      const { workerId, host, fingerprint } = notice.worker;
      const known = updated.workers.some((worker) => worker.workerId === workerId);
      const workers = known
        ? changed(updated.workers, workerId, ({ left, ...worker }) => ({ ...worker, host, fingerprint }))
        : [...updated.workers, { workerId, host, fingerprint }];
      return { ...updated, workers };
    }
    case 'left':
      return {
        ...updated,
        workers: changed(updated.workers, notice.workerId, (worker) => ({ ...worker, left: notice.reason })),
      };
    case 'phaseAssigned': {
      if (notice.phase !== 'teacher') return updated;
      const ranks = new Map(notice.members.map((member) => [member.workerId, member.ranks]));
      return {
        ...updated,
        workers: updated.workers.map((worker) => ({
          ...worker,
          ...(ranks.get(worker.workerId) ? { ranks: ranks.get(worker.workerId)! } : {}),
        })),
      };
    }
    case 'stepTimes':
      return { ...updated, stepTimes: { ...notice.times, workers: [...notice.times.workers] } };
    case 'resumed':
      return notice.isFirst ? updated : { ...updated, membershipChanges: updated.membershipChanges + 1 };
    case 'tuned':
      return { ...updated, tuned: notice.record };
    case 'baselineChosen':
      return { ...updated, baselineChoice: notice.record };
    case 'phaseDone':
      return { ...updated, [notice.record.phase]: phaseOfRecord(notice.record) };
    default:
      return updated;
  }
}

const phaseOfRecord = ({ waits, ...phase }: PhaseRecord): NonNullable<RunRecord['teacher']> => ({
  ...phase,
  ...(waits ? { waits: [...waits] } : {}),
  epochs: [...phase.epochs],
});

/** @param reason why the run failed; undefined if it is done */
export function endRecord(record: RunRecord, endedAt: string, reason: ErrorRecord | undefined): RunRecord {
  const { error, ...rest } = record;
  if (!reason) return { ...rest, status: 'done', endedAt };
  const { code, message, stack } = reason;
  return { ...rest, status: 'failed', error: { code, message, ...(stack ? { stack } : {}) }, endedAt };
}
