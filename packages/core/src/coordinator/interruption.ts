// What follows when the user interrupts a run: it ends once its state is in a checkpoint, or after a few seconds.
import type { ErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { beginCheckpoint } from './checkpoints.js';
import { leaverToSave } from './leavers.js';
import { type CoordinatorState, end, type Transition } from './state.js';

/** Any other reason to end a run leaves nothing that could be saved, and ends it at once. */
export function onInterrupt(state: CoordinatorState, error: ErrorRecord, nowMs: number): Transition {
  // What happens to workers meanwhile does not change why the run ends.
  if (state.interruption) return end(state, state.interruption.error);
  if (error.code !== 'INTERRUPTED') return end(state, error);
  const interruption = { error, untilMs: nowMs + limits.lastCheckpointMs, checkpoint: undefined };
  return endOnceSaved({ ...state, interruption }, nowMs);
}

/** Whether workers hold a state of the phase, or will hand one over. */
function isSaveable(state: CoordinatorState): boolean {
  const { membership, phase } = state;
  switch (membership.type) {
    case 'running':
    case 'pausing':
    case 'starting':
      return phase !== undefined && phase.step > 0;
    case 'waiting':
      return leaverToSave(state) !== undefined;
    default:
      return false;
  }
}

/** Ends an interrupted run as soon as nothing more can be saved. */
export function endOnceSaved(state: CoordinatorState, nowMs: number): Transition {
  const { interruption, checkpoint } = state;
  if (!interruption || state.ended) return { state, effects: [] };
  const isAnswered = interruption.checkpoint !== undefined && checkpoint.pending?.id !== interruption.checkpoint;
  if (isAnswered || nowMs >= interruption.untilMs || !isSaveable(state)) return end(state, interruption.error);
  const begun = beginCheckpoint(state, nowMs);
  if (begun === undefined) return { state, effects: [] };
  const asked = begun.state.checkpoint.pending!.id;
  return { ...begun, state: { ...begun.state, interruption: { ...interruption, checkpoint: asked } } };
}
