// A worker that cannot continue: it reports what failed, with its place, and waits for the end of the run.
import type { ErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { printableText } from '../error/printable.js';
import { ownRanks, send, type Activity, type Running, type Transition, type WorkerState } from './state.js';

/** Reports the newest failure again to a coordinator that comes back. */
export function sendFailure(state: WorkerState, message: (Activity & { type: 'failing' })['message']): Transition {
  return { state: { ...state, activity: { type: 'failing', message } }, effects: [send(message)] };
}

/** As long as a message may have it. */
const sendable = (error: ErrorRecord): ErrorRecord => ({
  ...error,
  message: printableText(error.message, limits.errorLength),
  ...(error.stack === undefined ? {} : { stack: printableText(error.stack, limits.errorLength) }),
});

export function onFailed(state: WorkerState, failure: ErrorRecord): Transition {
  const { activity } = state;
  const error = sendable(failure);
  // The last good weights cannot be had: the failure is reported without them.
  if (activity.type === 'failing') return sendFailure(state, activity.message);
  if (error.code === 'LOSS_NOT_FINITE' && (activity.type === 'running' || activity.type === 'finished'))
    return failNotFinite(state, activity, { error });
  const { lo, hi } = activity.type === 'running' ? ownRanks(activity) : { lo: 0, hi: 0 };
  const rank = hi === lo + 1 ? lo : undefined;
  return sendFailure(state, {
    type: 'failed',
    error,
    ...(state.training ? { step: state.training.step } : {}),
    ...(rank === undefined ? {} : { rank }),
  });
}

/**
 * The engine's model still has the weights of the previous step, the last good ones; the first member sends them before
 * the run ends.
 */
export function failNotFinite(
  state: WorkerState,
  run: Running,
  failure: { error: ErrorRecord; rank?: number },
): Transition {
  const message = { type: 'failed', step: state.training!.step, ...failure } as const;
  const failing: WorkerState = { ...state, activity: { type: 'failing', message } };
  return { state: failing, effects: run.self === 0 ? [{ type: 'export', generation: run.generation }] : [] };
}
