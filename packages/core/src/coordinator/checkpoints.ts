// When a checkpoint is taken, from which worker, and which checkpoints are kept.
import { limits } from '../error/limits.js';
import { phaseOf } from '../job/job.js';
import { smallerIsBetter } from '../metric/metrics.js';
import { leaverToSave } from './leavers.js';
import {
  andThen,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorState,
  membersOf,
  notify,
  type Transition,
  type Worker,
  writeRecord,
} from './state.js';

/** Whether the newest epoch has the best validation so far. */
function isBest(state: CoordinatorState): boolean {
  const { phase, options } = state;
  const metric = phaseOf(options.job, phase!.name).earlyStopping?.metric ?? 'loss';
  const sign = smallerIsBetter(metric) ? 1 : -1;
  const scores = phase!.epochs.map(({ record: { validation } }) => sign * (validation?.[metric] ?? NaN));
  return scores.length > 0 && scores.every((score) => score >= scores.at(-1)!);
}

/** Takes a checkpoint when it is due; sooner after the best epoch so far, or from a worker that must leave. */
export function checkpointIfDue(state: CoordinatorState, nowMs: number): Transition {
  const { checkpoint, membership, options, phase } = state;
  if (checkpoint.pending || !phase) return { state, effects: [] };
  const waitedMs = nowMs - checkpoint.lastMs;
  const bestIsNew =
    phase.epochs.length > checkpoint.epochs && waitedMs >= options.checkpointEveryMs / 4 && isBest(state);
  const isDue = membership.type === 'running' && (waitedMs >= options.checkpointEveryMs || bestIsNew);
  // A checkpoint that failed, for example on a full disk, is tried again after a while.
  const mustSave = leaverToSave(state) !== undefined && waitedMs >= limits.resendMs;
  return (isDue || mustSave ? beginCheckpoint(state, nowMs) : undefined) ?? { state, effects: [] };
}

/** Asks a worker for its state; undefined if one is being asked already, or none can be. */
export function beginCheckpoint(state: CoordinatorState, nowMs: number): Transition | undefined {
  const { checkpoint, phase } = state;
  const worker = leaverToSave(state) ?? checkpointSource(state);
  if (checkpoint.pending || !phase || !worker) return undefined;
  const id = checkpoint.nextId;
  return {
    state: {
      ...state,
      checkpoint: {
        ...checkpoint,
        nextId: id + 1,
        pending: { id, link: worker.link },
        lastMs: nowMs,
        epochs: phase.epochs.length,
      },
    },
    effects: [{ type: 'takeCheckpoint', link: worker.link, id }],
  };
}

/** The last member, because the first has the most to do already; after a checkpoint that failed the one before it. */
function checkpointSource(state: CoordinatorState): Worker | undefined {
  const members = membersOf(state.membership);
  const source = members.at(-1 - (state.checkpoint.failures % Math.max(1, members.length)));
  return (
    source &&
    [...state.workers.values()].find(({ workerId, beat }) => workerId === source.workerId && beat?.stage === 'running')
  );
}

export function onCheckpointTaken(
  state: CoordinatorState,
  event: CoordinatorEvent & { type: 'checkpointTaken' },
): Transition {
  const { checkpoint, phase } = state;
  if (checkpoint.pending?.id !== event.id) return { state, effects: [] };
  const idle = { ...state, checkpoint: { ...checkpoint, pending: undefined, failures: 0 } };
  if (!phase || event.held.phase !== phase.name) return { state: idle, effects: [] };
  const { held, sha256, bytes } = event;
  // The state is the same as before: no member has made progress.
  if (state.history.checkpoints.some((each) => each.sha256 === sha256)) return { state: idle, effects: [] };
  const entry = {
    phase: phase.name,
    ops: held.ops,
    sha256,
    bytes,
    best: isBest(state) && checkpoint.epochs === phase.epochs.length,
  };
  const written = andThen(writeRecord(idle, { type: 'checkpoint', record: entry }), dropOldCheckpoints);
  return { state: written.state, effects: [...written.effects, notify({ type: 'checkpoint', record: entry })] };
}

/** Keeps the last few and the newest best one. */
function dropOldCheckpoints(state: CoordinatorState): Transition {
  const { checkpoints } = state.history;
  const best = checkpoints.findLast((each) => each.best);
  const old = checkpoints.slice(0, -limits.checkpointsKept).filter((each) => each !== best);
  return old.reduce<Transition>(
    (transition, each) =>
      andThen(transition, (next) => {
        const dropped = writeRecord(next, { type: 'checkpointDropped', sha256: each.sha256 });
        return { state: dropped.state, effects: [...dropped.effects, { type: 'dropCheckpoint', record: each }] };
      }),
    { state, effects: [] },
  );
}

/** The previous checkpoint is used instead. */
export function onCheckpointUnusable(
  state: CoordinatorState,
  { sha256, reason }: CoordinatorEvent & { type: 'checkpointUnusable' },
): Transition {
  const dropped = writeRecord(state, { type: 'checkpointDropped', sha256 });
  return {
    state: dropped.state,
    effects: [...dropped.effects, notify({ type: 'checkpointUnusable', sha256, reason })],
  };
}

export function onCheckpointFailed(
  state: CoordinatorState,
  event: CoordinatorEvent & { type: 'checkpointFailed' },
): Transition {
  if (state.checkpoint.pending?.id !== event.id) return { state, effects: [] };
  const effects: CoordinatorEffect[] = [notify({ type: 'notSaved', what: 'a checkpoint', reason: event.reason })];
  const { failures } = state.checkpoint;
  return {
    state: { ...state, checkpoint: { ...state.checkpoint, pending: undefined, failures: failures + 1 } },
    effects,
  };
}
