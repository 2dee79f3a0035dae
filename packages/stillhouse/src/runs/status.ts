// status.json: the state of a run, written about once per second while a coordinator is running and once at its end,
// and read by `status`.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readRunRecord } from '@stillhouse/coordinator';
import { areModulesOpen, formatCount, formatTime, parseRecipe, phaseOf, type RunRecord } from '@stillhouse/core';
import {
  membersOf,
  ranksLabel,
  routeText,
  stepsPerEpoch,
  totalSteps,
  type CoordinatorState,
} from '@stillhouse/core/cluster';
import { shownMetrics } from '../tables.js';
import { modelSummaries, type ModelSummary } from './model-summary.js';

const statusSchema = z.object({
  at: z.string(),
  pid: z.int(),
  /** Name of the coordinator's machine. */
  host: z.string().optional(),
  /** gathering, adopting, waiting, pausing, starting, running or saving; later ended or unknown. */
  state: z.string(),
  generation: z.int(),
  phase: z.string().optional(),
  step: z.int(),
  steps: z.int(),
  epoch: z.int(),
  epochs: z.int(),
  workers: z.array(
    z.object({
      workerId: z.string(),
      host: z.string(),
      ranks: z.string(),
      stage: z.string(),
      /** Time of a step per rank, in milliseconds. */
      rankMs: z.number().nullish(),
      /** Mean time that its last steps waited for rows, and for the sum over all ranks after its own. */
      dataMs: z.number().nullish(),
      exchangeMs: z.number().nullish(),
      /** Time since its last message, in milliseconds. */
      silentMs: z.number(),
      /** spare, slow, stalls others, silent, leaving, left out or nothing. */
      note: z.string(),
      waitsFor: z.array(z.string()),
      /** How it reaches other workers, such as: w2 is reached at 10.0.0.2:4123 over eth1, 9.4 Gbit/s, 0.1 ms. */
      routes: z.array(z.string()).optional(),
    }),
  ),
  checkpoint: z.object({ phase: z.string(), ops: z.int() }).optional(),
});

/** The state of a run when its coordinator last wrote status.json. */
export type RunStatus = z.infer<typeof statusSchema>;

/** @param nowMs time on the coordinator's clock */
export function statusOf(
  state: CoordinatorState,
  nowMs: number,
  at: { time: string; pid: number; host: string },
): RunStatus {
  const members = membersOf(state.membership);
  const phase = state.phase && phaseOf(state.options.job, state.phase.name);
  const checkpoint = state.history.checkpoints.at(-1);
  return {
    at: at.time,
    pid: at.pid,
    host: at.host,
    state: state.membership.type,
    generation: state.generation,
    ...(state.phase ? { phase: state.phase.name } : {}),
    step: state.phase?.step ?? 0,
    steps: phase ? totalSteps(phase.schedule) : 0,
    epoch: phase ? Math.floor((state.phase?.step ?? 0) / stepsPerEpoch(phase.schedule)) : 0,
    epochs: phase?.schedule.epochs ?? 0,
    workers: [...state.workers.values()].map((worker) => {
      const ranks = members.find(({ workerId }) => workerId === worker.workerId)?.ranks;
      const notes = [
        ranks && ranks.lo === ranks.hi ? 'spare' : '',
        worker.slownessNoted ? 'slow' : '',
        worker.stallNoted ? 'stalls others' : '',
        worker.silenceNoted ? 'silent' : '',
        worker.leaving ? 'leaving' : '',
        (state.quarantines.get(worker.workerId)?.untilMs ?? 0) > nowMs ? 'left out' : '',
      ];
      return {
        workerId: worker.workerId,
        host: worker.host,
        ranks: (ranks && ranksLabel(ranks)) ?? '',
        stage: worker.info ? (worker.beat?.stage ?? 'joined') : 'loading',
        rankMs: worker.beat?.rankMs,
        dataMs: worker.beat?.dataMs,
        exchangeMs: worker.beat?.exchangeMs,
        silentMs: nowMs - worker.heardMs,
        note: notes.filter((note) => note).join(', '),
        ...(worker.routes.size > 0
          ? { routes: [...worker.routes].map(([peer, route]) => `${peer} is reached at ${routeText(route)}`) }
          : {}),
        waitsFor: (worker.beat?.waitingFor ?? []).flatMap((index) => members[index]?.workerId ?? []),
      };
    }),
    ...(checkpoint ? { checkpoint: { phase: checkpoint.phase, ops: checkpoint.ops } } : {}),
  };
}

/** A coordinator that has written nothing for this long is gone. */
const staleMs = 5_000;

const isFresh = ({ at }: RunStatus, nowMs: number): boolean => nowMs - Date.parse(at) <= staleMs;

/** What the coordinator that is at work on a run wrote last; undefined if none is. */
export function liveStatus(record: RunRecord, folder: string, nowMs: number): RunStatus | undefined {
  const written = record.status === 'running' ? readStatus(folder) : undefined;
  return written && isFresh(written, nowMs) ? written : undefined;
}

/** How the run stands, in one sentence. */
function headline(record: RunRecord, status: RunStatus | undefined, nowMs: number): string {
  if (record.status === 'done') return `done at ${formatTime(record.endedAt!)}`;
  if (record.status === 'failed' || !status || !isFresh(status, nowMs)) {
    const why =
      record.status === 'failed'
        ? `failed: ${record.error?.code}: ${record.error?.message}`
        : `no coordinator has been running since ${formatTime(status?.at ?? record.startedAt)}`;
    return `${why}; continue with --resume`;
  }
  const epoch = Math.min(status.epoch + 1, status.epochs);
  const where = status.phase
    ? `${status.phase}, step ${formatCount(status.step)} of ${formatCount(status.steps)}, epoch ${epoch} of ` +
      formatCount(status.epochs)
    : 'before its first phase';
  const waiting = status.state === 'waiting' ? `; ${record.incidents.at(-1)?.what ?? 'waits for workers'}` : '';
  return `${status.state}: ${where}, generation ${status.generation}${waiting}`;
}

/** What a coordinator wrote last, without what is not true any more. */
const ofThePast = (status: RunStatus, state: 'ended' | 'unknown'): RunStatus => ({
  ...status,
  state,
  workers: status.workers.map((worker) => ({ ...worker, stage: state, note: '', waitsFor: [] })),
});

export interface RunState {
  /** How the run stands, in one sentence. */
  readonly headline: string;
  /** Whether a coordinator is running. */
  readonly isLive: boolean;
  /**
   * Undefined if no coordinator has written it yet. Without a running coordinator, stages of workers are `ended`, or
   * `unknown` if they may go on by themselves.
   */
  readonly status: RunStatus | undefined;
  /** Every worker that has taken part, and why it left, if it did. */
  readonly workers: RunRecord['workers'];
  /** Results of the models that are trained. */
  readonly models: readonly ModelSummary[];
  /** Names of the metrics that the recipe shows. */
  readonly metrics: readonly string[];
  /** What went wrong or slowly, oldest first. */
  readonly incidents: RunRecord['incidents'];
}

/** A recipe whose modules are not open does not say which metrics it has; no module is run to show a status. */
function metricsToShow({ recipe: stored }: RunRecord, models: readonly ModelSummary[]): readonly string[] {
  const recipe = parseRecipe(stored);
  if (areModulesOpen(recipe)) return shownMetrics(recipe);
  return [...new Set(models.flatMap(({ test }) => Object.keys(test)))].filter((name) => name !== 'rows');
}

function readStatus(folder: string): RunStatus | undefined {
  const path = join(folder, 'status.json');
  if (!existsSync(path)) return undefined;
  try {
    return statusSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Written by a version with other keys; run.json has the rest.
    return undefined;
  }
}

/**
 * The state of a run: its workers, their ranks and speeds, its results, and what went wrong or slowly.
 * @param folder the run folder
 * @throws StillhouseError RUN_NOT_FOUND
 */
export function status(folder: string): RunState {
  const record = readRunRecord(folder);
  const written = readStatus(folder);
  const models = modelSummaries(record);
  const nowMs = Date.now();
  const isLive = record.status === 'running' && written !== undefined && isFresh(written, nowMs);
  return {
    headline: headline(record, written, nowMs),
    isLive,
    status: written && (isLive ? written : ofThePast(written, record.status === 'running' ? 'unknown' : 'ended')),
    workers: record.workers,
    models,
    metrics: metricsToShow(record, models),
    incidents: record.incidents,
  };
}
