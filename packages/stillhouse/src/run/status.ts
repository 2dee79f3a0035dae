// status.json: how a run stands, for `stillhouse status`; written about once a second while a coordinator lives.
import { membersOf, phaseOf, stepsPerEpoch, totalSteps, type CoordinatorState, type RunRecord } from '@stillhouse/core';

export interface RunStatus {
  readonly at: string;
  readonly pid: number;
  /** gathering, adopting, waiting, pausing, starting, running or saving. */
  readonly state: string;
  readonly generation: number;
  readonly phase: string | undefined;
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly workers: readonly {
    readonly workerId: string;
    readonly host: string;
    readonly ranks: string;
    readonly stage: string;
    readonly rankMs: number | undefined;
    readonly silentMs: number;
    /** spare, slow, stalls others, silent, leaving, left out or nothing. */
    readonly note: string;
    readonly waitsFor: readonly string[];
  }[];
  readonly checkpoint: { readonly phase: string; readonly ops: number } | undefined;
}

/** @param nowMs of the coordinator's clock */
export function statusOf(state: CoordinatorState, nowMs: number, at: { time: string; pid: number }): RunStatus {
  const members = membersOf(state.membership);
  const phase = state.phase && phaseOf(state.options.job, state.phase.name);
  const checkpoint = state.history.checkpoints.at(-1);
  return {
    at: at.time,
    pid: at.pid,
    state: state.membership.type,
    generation: state.generation,
    phase: state.phase?.name,
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
        worker.quarantinedUntilMs > nowMs ? 'left out' : '',
      ];
      return {
        workerId: worker.workerId,
        host: worker.host,
        ranks: ranks && ranks.hi > ranks.lo ? `${ranks.lo}–${ranks.hi - 1}` : '',
        stage: worker.info ? (worker.beat?.stage ?? 'joined') : 'loading',
        rankMs: worker.beat?.rankMs,
        silentMs: nowMs - worker.heardMs,
        note: notes.filter((note) => note).join(', '),
        waitsFor: (worker.beat?.waitingFor ?? []).flatMap((index) => members[index]?.workerId ?? []),
      };
    }),
    checkpoint: checkpoint && { phase: checkpoint.phase, ops: checkpoint.ops },
  };
}

/** A coordinator that has written nothing for so long is gone. */
const staleMs = 5_000;

/** What a user is told first: one sentence. */
export function headline(record: RunRecord, status: RunStatus | undefined, nowMs: number): string {
  if (record.status === 'done') return `done at ${record.endedAt}`;
  if (!status || nowMs - Date.parse(status.at) > staleMs) {
    const why =
      record.status === 'failed'
        ? `failed: ${record.error?.code}: ${record.error?.message}`
        : `no coordinator runs since ${status?.at ?? record.startedAt}`;
    return `${why}; continue with --resume`;
  }
  const where = status.phase
    ? `${status.phase}, step ${status.step} of ${status.steps}, epoch ${status.epoch + 1} of ${status.epochs}`
    : 'before its first phase';
  const waiting = status.state === 'waiting' ? `; ${record.incidents.at(-1)?.what ?? 'waits for workers'}` : '';
  return `${status.state}: ${where}, generation ${status.generation}${waiting}`;
}
