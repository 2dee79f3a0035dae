// Which workers are left out when some cannot reach each other, or wait for each other in vain: a vote.
import { limits } from '../error/limits.js';
import type { ToCoordinator } from '../wire/messages.js';
import { pauseAll, requestChange } from './membership-change.js';
import {
  type Accusation,
  andThen,
  type CoordinatorEffect,
  type CoordinatorState,
  membersOf,
  notify,
  type Quarantine,
  type Transition,
  type Worker,
} from './state.js';

const pairOf = ({ by, of }: Pick<Accusation, 'by' | 'of'>): string => [by, of].toSorted().join(' ');

/**
 * A member cannot reach another. If it could before, they are linked again; if not, one of them is left out for a
 * while.
 */
export function onUnreachable(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'unreachable' },
  nowMs: number,
): Transition {
  const { membership } = state;
  if (message.generation !== state.generation || (membership.type !== 'running' && membership.type !== 'starting'))
    return { state, effects: [] };
  const accused = membership.members[message.peer];
  const isMember = membership.members.some(({ workerId }) => workerId === worker.workerId);
  if (!isMember || !accused || accused.workerId === worker.workerId) return { state, effects: [] };
  const pair = pairOf({ by: worker.workerId, of: accused.workerId });
  const broken = (state.breaks.get(pair) ?? 0) + 1;
  // A link that breaks again and again before a generation starts is as good as none.
  if (!message.linking && (membership.type === 'running' || broken < limits.breaksTolerated))
    return requestChange(
      { ...state, breaks: new Map(state.breaks).set(pair, broken) },
      {
        reason: `the link between ${worker.workerId} and ${accused.workerId} broke: ${message.reason}`,
        boundary: false,
      },
      nowMs,
    );
  return {
    state: {
      ...state,
      accusations: [...state.accusations, { by: worker.workerId, of: accused.workerId, atMs: nowMs }].slice(
        -limits.workerCount,
      ),
    },
    effects: [],
  };
}

/**
 * The members to leave out so that none is left that another cannot reach: one after the other the one that most of
 * the members of before are at odds with, then the one that most members are at odds with; of two that accuse each
 * other the one that joined later.
 * @param members in the order in which they joined
 * @param before workers that have been linked with each other
 */
export function membersToLeaveOut(
  members: readonly string[],
  accusations: readonly Accusation[],
  before: ReadonlySet<string>,
): string[] {
  const out: string[] = [];
  let rest = members;
  for (;;) {
    const there = new Set(rest);
    const open = accusations.filter(({ by, of }) => there.has(by) && there.has(of));
    if (open.length === 0) return out;
    const opponents = new Map(rest.map((workerId) => [workerId, new Set<string>()]));
    for (const { by, of } of open) {
      opponents.get(by)!.add(of);
      opponents.get(of)!.add(by);
    }
    const votes = (workerId: string): number => opponents.get(workerId)!.size;
    const trustedVotes = (workerId: string): number =>
      [...opponents.get(workerId)!].filter((opponent) => before.has(opponent)).length;
    const guilty = rest.toSorted(
      (a, b) => trustedVotes(b) - trustedVotes(a) || votes(b) - votes(a) || members.indexOf(b) - members.indexOf(a),
    )[0]!;
    out.push(guilty);
    rest = rest.filter((workerId) => workerId !== guilty);
  }
}

/** Leaves a worker out, each time for twice as long as the time before. */
export function quarantine(
  state: CoordinatorState,
  { workerId, reason }: { workerId: string; reason: string },
  nowMs: number,
): Transition {
  const times = (state.quarantines.get(workerId)?.times ?? 0) + 1;
  const forMs = Math.min(limits.longestQuarantineMs, limits.quarantineMs * 2 ** (times - 1));
  const entry: Quarantine = { times, sinceMs: nowMs, untilMs: nowMs + forMs };
  const effects: CoordinatorEffect[] = [notify({ type: 'excluded', workerId, reason, forMs })];
  return { state: { ...state, quarantines: new Map(state.quarantines).set(workerId, entry) }, effects };
}

const accusedOf = ({ linked, membership }: CoordinatorState, accusations: readonly Accusation[]): string[] =>
  membersToLeaveOut(
    membersOf(membership).map(({ workerId }) => workerId),
    accusations,
    linked,
  );

const leaveOut = (
  state: CoordinatorState,
  { out, reason }: { out: readonly string[]; reason: string },
  nowMs: number,
): Transition =>
  out.reduce<Transition>(
    (transition, workerId) => andThen(transition, (next) => quarantine(next, { workerId, reason }, nowMs)),
    { state, effects: [] },
  );

/** Once the reports have come, leaves out all at once that the others cannot reach. */
export function chooseExcluded(state: CoordinatorState, nowMs: number): Transition {
  const [first] = state.accusations;
  if (!first || nowMs - first.atMs < limits.accusationMs) return { state, effects: [] };
  const out = accusedOf(state, state.accusations);
  if (out.length === 0) return { state, effects: [] };
  const reason = 'it and other workers cannot reach each other';
  return andThen(leaveOut(state, { out, reason }, nowMs), (next) =>
    pauseAll(next, { reason: `${out.join(', ')} and others cannot reach each other`, boundary: false }, nowMs),
  );
}

/**
 * Which members of a generation that does not start wait for which: to be linked with them, or for the state that they
 * should hand over. One that waits itself cannot hand it over, and is not to blame.
 */
function waitsOf({ generation, membership, workers }: CoordinatorState, nowMs: number): Accusation[] {
  if (membership.type !== 'starting') return [];
  const { members, resume } = membership;
  const beats = new Map([...workers.values()].map(({ workerId, beat }) => [workerId, beat]));
  const awaited = members.map(({ workerId }) => {
    const beat = beats.get(workerId);
    return beat?.generation === generation && beat.stage === 'preparing' ? beat.waitingFor : [];
  });
  const isExcused = (by: number, of: number): boolean =>
    awaited[of]!.length > 0 && resume.heals.some(({ to, from }) => to === by && from === of);
  return members.flatMap(({ workerId: by }, index) =>
    awaited[index]!.flatMap((of) =>
      of === index || !members[of] || isExcused(index, of) ? [] : [{ by, of: members[of].workerId, atMs: nowMs }],
    ),
  );
}

/** Leaves out whom others have waited for in vain in each attempt to start: another one would fail, too. */
export function leaveOutAwaited(state: CoordinatorState, nowMs: number): Transition {
  const waits = new Map(waitsOf(state, nowMs).map((wait) => [pairOf(wait), wait]));
  const breaks = new Map(state.breaks);
  for (const pair of waits.keys()) breaks.set(pair, (breaks.get(pair) ?? 0) + 1);
  const inVain = [...waits].flatMap(([pair, wait]) => (breaks.get(pair)! < limits.breaksTolerated ? [] : [wait]));
  const reason = 'others wait for it in vain, or it for them';
  return leaveOut({ ...state, breaks }, { out: accusedOf(state, inVain), reason }, nowMs);
}
