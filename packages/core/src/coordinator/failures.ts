// What follows when a worker is lost, fails or crashes: the run continues without it, or ends with a message that names
// the place.
import { ranksText } from '../collective/tree.js';
import { type ErrorRecord, isInputError } from '../error/errors.js';
import type { ToCoordinator } from '../wire/messages.js';
import { decideWhenAllAcknowledged, requestChange } from './membership-change.js';
import {
  andThen,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorState,
  end,
  membersOf,
  nameOf,
  notify,
  send,
  type Transition,
  type Worker,
} from './state.js';

export function onLost(state: CoordinatorState, link: number, reason: string, nowMs: number): Transition {
  const worker = state.workers.get(link);
  if (!worker) return { state, effects: [] };
  const workers = new Map(state.workers);
  workers.delete(link);
  const { checkpoint, membership } = state;
  let next: CoordinatorState = {
    ...state,
    workers,
    checkpoint: checkpoint.pending?.link === link ? { ...checkpoint, pending: undefined } : checkpoint,
  };
  const member = membersOf(membership).find(({ workerId }) => workerId === worker.workerId);
  if (member) next = { ...next, lost: new Map(next.lost).set(worker.workerId, member.ranks) };
  const left: Transition = { state: next, effects: [notify({ type: 'left', workerId: worker.workerId, reason })] };
  if (member)
    return andThen(left, (after) =>
      requestChange(after, { reason: `${nameOf(worker)} is gone: ${reason}`, boundary: false }, nowMs),
    );
  return andThen(left, (after) => decideWhenAllAcknowledged(after, nowMs));
}

export function onFailed(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'failed' },
  nowMs: number,
): Transition {
  const { error, lastGood } = message;
  // A worker that has, and had, no part in a run under way fails alone.
  if (state.phase?.isStarted && !hadPart(state, worker))
    return andThen(
      { state, effects: [send(worker.link, { type: 'stop', error }), { type: 'close', link: worker.link }] },
      (next) => onLost(next, worker.link, `it failed: ${error.code}: ${error.message}`, nowMs),
    );
  const isClear = lastGood !== undefined || isInputError(error.code);
  const text = isClear ? error.message : `${placeOf(state, worker, message)}: ${error.message}`;
  const record: ErrorRecord = {
    code: error.code === 'BUG' ? 'WORKER_FAILED' : error.code,
    message: text,
    ...(error.next === undefined ? {} : { next: error.next }),
    ...(error.stack ? { stack: error.stack } : {}),
  };
  const save: CoordinatorEffect[] =
    lastGood && state.phase ? [{ type: 'saveModel', phase: state.phase.name, model: lastGood, lastGood: true }] : [];
  return end(state, record, save);
}

/** Whether a worker is a member, or was one when it was lost: a crash may be reported after its link has closed. */
const hadPart = ({ membership, lost }: CoordinatorState, { workerId }: Worker): boolean =>
  lost.has(workerId) || membersOf(membership).some((member) => member.workerId === workerId);

export function onCrashed(
  state: CoordinatorState,
  { instance, error }: CoordinatorEvent & { type: 'crashed' },
): Transition {
  const workerId = state.names.get(instance);
  const host = [...state.workers.values()].find((worker) => worker.instance === instance)?.host ?? 'this machine';
  return end(
    state,
    workerId === undefined
      ? error
      : { ...error, message: `${placeOf(state, { workerId, host }, {})}: ${error.message}` },
  );
}

/** A worker, and what it was working on. */
function placeOf(
  state: CoordinatorState,
  worker: Pick<Worker, 'workerId' | 'host'>,
  reported: { step?: number | undefined; rank?: number | undefined },
): string {
  const ranks =
    membersOf(state.membership).find(({ workerId }) => workerId === worker.workerId)?.ranks ??
    state.lost.get(worker.workerId);
  const assigned = ranks && ranksText(ranks);
  const step = reported.step ?? (assigned ? state.phase?.step : undefined);
  return [
    nameOf(worker),
    step === undefined ? undefined : `step ${step}`,
    reported.rank === undefined ? assigned : `rank ${reported.rank}`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}
