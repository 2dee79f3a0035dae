// What a worker may say. A message that no worker of this run could send closes its link and leaves its process out; it
// never ends the run, and it changes nothing.
import { printableLine } from '../error/printable.js';
import { StillhouseError, toErrorRecord, type ErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { phaseOf, phasesOf, type Phase } from '../job/job.js';
import type { PhaseName } from '../job/phase-name.js';
import { roundsPerEpoch, totalSteps } from '../order/schedule.js';
import type { Held, ToCoordinator } from '../wire/messages.js';
import { onLost } from './failures.js';
import { firstGenerationOf } from './membership-change.js';
import { isOnOneNode } from './plan.js';
import { andThen, type CoordinatorState, membersOf, notify, send, type Transition, type Worker } from './state.js';

/** Why a worker cannot have meant this message; undefined if it can. Late and repeated messages are no violations. */
export function violationOf(state: CoordinatorState, worker: Worker, message: ToCoordinator): string | undefined {
  if ('generation' in message && message.generation > newestGeneration(state))
    return 'it names a generation that has not begun';
  const { membership } = state;
  switch (message.type) {
    case 'join':
      return heldViolation(state, message.held) ?? runningViolation(state, message);
    case 'paused':
      return heldViolation(state, message.held);
    case 'ready':
      return message.generation === state.generation ? opsViolation(state, message.ops) : undefined;
    case 'progress':
      return message.generation === state.generation ? stepsViolation(state, message.step) : undefined;
    case 'done':
      return message.phase === state.phase?.name ? stepsViolation(state, message.steps) : undefined;
    case 'epoch':
      return epochViolation(state, worker, message);
    case 'unreachable':
      return (membership.type === 'starting' || membership.type === 'running') &&
        message.generation === state.generation &&
        message.peer >= membership.members.length
        ? 'it names a member that does not exist'
        : undefined;
    default:
      return undefined;
  }
}

/** Workers can know no later one: those of earlier coordinators are lower than the first of this one. */
const newestGeneration = (state: CoordinatorState): number =>
  Math.max(state.generation, firstGenerationOf(state.options.term));

/** The phase, if its length is known: a search may change it. */
function knownPhase({ history, options }: CoordinatorState, name: PhaseName): Phase | undefined {
  const { recipe } = options.job;
  const isTuned = name === 'student' && recipe.distill?.tune !== undefined && !history.tuned;
  return isTuned || !phasesOf(recipe).includes(name) ? undefined : phaseOf(options.job, name);
}

/** Steps or rounds of them, an evaluation per epoch, and the test. */
const mostOps = ({ schedule }: Phase): number => (roundsPerEpoch(schedule) + 1) * schedule.epochs + 1;

function heldViolation(state: CoordinatorState, held: Held | undefined): string | undefined {
  const phase = held && knownPhase(state, held.phase);
  return held && phase && held.ops > mostOps(phase) ? 'it claims a position beyond the end of its phase' : undefined;
}

function opsViolation(state: CoordinatorState, ops: number): string | undefined {
  const phase = state.phase && knownPhase(state, state.phase.name);
  return phase && ops > mostOps(phase) ? 'it claims a position beyond the end of its phase' : undefined;
}

function stepsViolation(state: CoordinatorState, steps: number): string | undefined {
  const phase = state.phase && knownPhase(state, state.phase.name);
  return phase && steps > totalSteps(phase.schedule) ? 'it claims a step beyond the end of its phase' : undefined;
}

/** Members of a generation share all ranks of its phase, or of a phase on one worker its only one. */
function runningViolation(
  { options }: CoordinatorState,
  { held, running }: ToCoordinator & { type: 'join' },
): string | undefined {
  if (!running) return undefined;
  const names = new Set(running.map(({ workerId }) => workerId));
  const isWhole = (ranks: number): boolean =>
    running.reduce((next, { ranks: { lo, hi } }) => (lo === next && hi >= lo ? hi : NaN), 0) === ranks;
  const ranks = held && isOnOneNode(held.phase) ? 1 : options.job.recipe.ranks;
  return names.size === running.length && isWhole(ranks) ? undefined : 'its members do not share the ranks of a phase';
}

/** A worker without a part in the generation must not contradict those that have one. */
function epochViolation(
  { membership, options, phase }: CoordinatorState,
  worker: Worker,
  { phase: name, report }: ToCoordinator & { type: 'epoch' },
): string | undefined {
  const known = name === phase?.name ? phase.epochs.at(report.epoch) : undefined;
  const isMember = membersOf(membership).some(({ workerId }) => workerId === worker.workerId);
  return !isMember && known && known.weightsSha256 !== report.weightsSha256 && !options.allowMixed
    ? 'it contradicts the members about an epoch'
    : undefined;
}

/** Closes the link of a worker, and lets its process not come back. */
export function expel(state: CoordinatorState, worker: Worker, error: ErrorRecord, nowMs: number): Transition {
  const { host, instance, link, workerId } = worker;
  const expelled = new Set([...state.expelled, instance].slice(-limits.processCount));
  const refused = noteRefusal({ ...state, expelled }, { host, error }, nowMs);
  const effects = [send(link, { type: 'rejected', error }), { type: 'close', link } as const];
  return andThen({ state: refused.state, effects: [...refused.effects, ...effects] }, (next) =>
    onLost(next, link, `worker ${workerId} was expelled: ${error.message}`, nowMs),
  );
}

export const violationError = (worker: Worker, why: string): ErrorRecord =>
  toErrorRecord(new StillhouseError('PROTOCOL_VIOLATION', `worker ${worker.workerId} was expelled: ${why}`));

/** Reports a refusal; if there are many, they are counted, and their number is reported later. */
export function noteRefusal(
  state: CoordinatorState,
  { host, error }: { host: string; error: ErrorRecord },
  nowMs: number,
): Transition {
  const before = noteUnreported(state, nowMs);
  const count = before.state.refusals.count + 1;
  const sinceMs = count === 1 ? nowMs : before.state.refusals.sinceMs;
  const notice = notify({ type: 'refused', host: printableLine(host), error });
  return {
    state: { ...before.state, refusals: { sinceMs, count } },
    effects: [...before.effects, ...(count <= limits.refusalsLogged ? [notice] : [])],
  };
}

/** Reports how many refusals were not reported, once the time is over. */
export function noteUnreported(state: CoordinatorState, nowMs: number): Transition {
  const { count, sinceMs } = state.refusals;
  if (count === 0 || nowMs - sinceMs < limits.refusalsLoggedMs) return { state, effects: [] };
  const more = count - limits.refusalsLogged;
  return {
    state: { ...state, refusals: { sinceMs: nowMs, count: 0 } },
    effects: more > 0 ? [notify({ type: 'refusedMore', count: more })] : [],
  };
}
