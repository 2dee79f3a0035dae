// The two-phase change of membership: pause for a new generation, collect every worker's position, resume with new
// members. One mechanism for a worker that is lost, joins, leaves or is slow, for a new phase, and for a coordinator
// that comes back.
import { costsOf, dealRanks, stepCost } from '../collective/assignment.js';
import { invariant } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { expectedRowsDigest, phaseOf } from '../job/job.js';
import type { Member, ToCoordinator, ToWorker } from '../wire/messages.js';
import { phaseUnderWay, type RunHistory } from './journal.js';
import { type Candidate, isOnOneNode, type Plan, planGeneration, workersNeeded } from './plan.js';
import {
  andThen,
  type CoordinatorEffect,
  type CoordinatorState,
  end,
  joinedWorkers,
  type MembershipState,
  membersOf,
  nameOf,
  notify,
  type PhaseProgress,
  send,
  type Transition,
  type Worker,
} from './state.js';

const isAble = (worker: Worker, nowMs: number): boolean =>
  worker.info !== undefined && worker.quarantinedUntilMs <= nowMs;

const shareOf = ({ workerId, ranks }: Member): { workerId: string; ranks: Member['ranks'] } => ({ workerId, ranks });

export function update(
  state: CoordinatorState,
  workerIds: ReadonlySet<string>,
  change: Partial<Worker>,
): CoordinatorState {
  return {
    ...state,
    workers: new Map(
      [...state.workers].map(([link, worker]) => [
        link,
        workerIds.has(worker.workerId) ? { ...worker, ...change } : worker,
      ]),
    ),
  };
}

/** Generations of different coordinators never coincide: each counts from its term. */
const generationsPerTerm = 2 ** 16;

/**
 * Begins a new generation: all workers stop and report their positions.
 * @param change.boundary stop at the end of a step instead of at once, so that nothing is repeated
 */
export function pauseAll(
  state: CoordinatorState,
  change: { reason: string; boundary: boolean },
  nowMs: number,
): Transition {
  const generation = Math.max(state.generation, state.options.term * generationsPerTerm) + 1;
  const { boundary, reason } = change;
  const before = membersOf(state.membership);
  const workers = joinedWorkers(state);
  const pausing: MembershipState = { type: 'pausing', boundary, before, acknowledged: new Set(), sinceMs: nowMs };
  const next = update(
    { ...state, generation, membership: pausing, accusations: [] },
    new Set(workers.map(({ workerId }) => workerId)),
    { instructedMs: nowMs, advancedMs: nowMs },
  );
  return {
    state: next,
    effects: [
      notify({ type: 'pausing', generation, reason, boundary }),
      ...workers.map(({ link }) => send(link, { type: 'pause', generation, boundary })),
    ],
  };
}

/** Changes the membership, unless a change has already begun. */
export function requestChange(
  state: CoordinatorState,
  change: { reason: string; boundary: boolean },
  nowMs: number,
): Transition {
  const { membership } = state;
  switch (membership.type) {
    case 'running':
    case 'waiting':
      return pauseAll(state, change, nowMs);
    case 'starting':
      // New workers wait until this generation has started.
      return change.boundary ? { state, effects: [] } : pauseAll(state, change, nowMs);
    case 'pausing':
      return membership.boundary && !change.boundary
        ? pauseAll(state, change, nowMs)
        : decideWhenAllAcknowledged(state, nowMs);
    default:
      return { state, effects: [] };
  }
}

/** Asks a worker that joins while others pause, too. */
export function askNewcomer(state: CoordinatorState, worker: Worker): CoordinatorEffect[] {
  return state.membership.type === 'pausing'
    ? [send(worker.link, { type: 'pause', generation: state.generation, boundary: state.membership.boundary })]
    : [];
}

export function onPaused(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'paused' },
  nowMs: number,
): Transition {
  const { membership } = state;
  if (membership.type !== 'pausing' || message.generation !== state.generation) return { state, effects: [] };
  const workers = new Map(state.workers).set(worker.link, { ...worker, held: message.held });
  const acknowledged = new Set(membership.acknowledged).add(worker.workerId);
  return decideWhenAllAcknowledged({ ...state, workers, membership: { ...membership, acknowledged } }, nowMs);
}

export function decideWhenAllAcknowledged(state: CoordinatorState, nowMs: number): Transition {
  const { membership } = state;
  if (membership.type !== 'pausing') return { state, effects: [] };
  const asked = joinedWorkers(state);
  if (!asked.every(({ workerId }) => membership.acknowledged.has(workerId))) return { state, effects: [] };
  return planAndResume(state, membership.before, nowMs);
}

/** The unfinished phase, and its progress. */
export function phaseNow(state: CoordinatorState, nowMs: number): PhaseProgress | undefined {
  const name = phaseUnderWay(state.history, state.options.job.recipe);
  if (name === undefined) return undefined;
  if (state.phase?.name === name) return { ...state.phase, done: new Map() };
  const { job } = state.options;
  return {
    name,
    expectedRowsDigest: expectedRowsDigest(job, phaseOf(job, name), 0),
    epochs: state.history.epochs,
    done: new Map(),
    isStarted: false,
    step: 0,
    startedMs: nowMs,
    epochStartedMs: nowMs,
  };
}

function candidatesOf(state: CoordinatorState, before: readonly Member[], nowMs: number): Candidate[] {
  const place = (workerId: string): number => {
    const index = before.findIndex((member) => member.workerId === workerId);
    return index < 0 ? before.length : index;
  };
  return joinedWorkers(state)
    .filter((worker) => isAble(worker, nowMs))
    .map(({ workerId, held, leaving, beat }) => ({ workerId, held, leaving, rankMs: beat?.rankMs }))
    .toSorted((a, b) => place(a.workerId) - place(b.workerId));
}

/** Decides the members of the generation from all reports. */
function planAndResume(state: CoordinatorState, before: readonly Member[], nowMs: number): Transition {
  const phase = phaseNow(state, nowMs);
  if (!phase) return end(state, undefined);
  if (mustTune(state, phase)) return waitForTuning({ ...state, phase });
  const { ranks } = phaseOf(state.options.job, phase.name).schedule;
  const checkpoint = state.history.checkpoints.reduce<{ ops: number; sha256: string } | undefined>(
    (newest, each) => (newest && newest.ops >= each.ops ? newest : each),
    undefined,
  );
  const plan = planGeneration({
    phase: phase.name,
    ranks,
    candidates: candidatesOf(state, before, nowMs),
    minWorkers: state.options.minWorkers,
    checkpoint,
  });
  const released = releaseLeavers(state, plan);
  if (plan.type === 'wait') {
    return {
      state: { ...released.state, phase, membership: { type: 'waiting' } },
      effects: [...released.effects, notify({ type: 'waiting', reason: plan.reason })],
    };
  }
  return resumeMembers({ ...released.state, phase }, plan, { effects: released.effects, nowMs });
}

/** SHA-256 of the weights of the teacher that was trained here. */
const teacherOf = ({ done }: RunHistory): string | undefined =>
  done.find(({ record }) => record.phase === 'teacher')?.blob;

const mustTune = ({ history, options }: CoordinatorState, { name }: PhaseProgress): boolean =>
  name === 'student' && options.job.recipe.distill?.tune !== undefined && !history.tuned;

/** Workers wait while this machine searches for the student's hyperparameters. */
function waitForTuning(state: CoordinatorState): Transition {
  const reason = 'the search for the student’s hyperparameters';
  const released = releaseLeavers(state, { type: 'wait', reason });
  const begin: CoordinatorEffect[] = state.isTuning ? [] : [{ type: 'tune', teacher: teacherOf(state.history) }];
  return {
    state: { ...released.state, isTuning: true, membership: { type: 'waiting' } },
    effects: [...released.effects, notify({ type: 'waiting', reason }), ...begin],
  };
}

/**
 * A worker that leaves may go once no other needs its state. While training waits, it hands over to a checkpoint first.
 */
function releaseLeavers(state: CoordinatorState, plan: Plan): Transition {
  const needed = new Set(plan.type === 'resume' ? plan.members.map(({ workerId }) => workerId) : []);
  const leavers = [...state.workers.values()].filter(
    (worker) => worker.leaving && !needed.has(worker.workerId) && (plan.type === 'resume' || !holdsMore(state, worker)),
  );
  const workers = new Map(state.workers);
  for (const { link } of leavers) workers.delete(link);
  const effects = leavers.flatMap(({ link, workerId }): CoordinatorEffect[] => [
    send(link, { type: 'stop' }),
    notify({ type: 'left', workerId, reason: 'it was told to leave, and has handed over' }),
  ]);
  return { state: { ...state, workers }, effects };
}

/** Whether a worker holds steps that no checkpoint has. */
const holdsMore = ({ history, phase }: CoordinatorState, { held }: Worker): boolean =>
  held !== undefined &&
  held.phase === phase?.name &&
  held.ops > Math.max(0, ...history.checkpoints.map(({ ops }) => ops));

/** While training waits for workers: the next worker that wants to leave, and has to hand over first. */
export const leaverToSave = (state: CoordinatorState): Worker | undefined =>
  state.membership.type === 'waiting'
    ? [...state.workers.values()].find((worker) => worker.leaving && holdsMore(state, worker))
    : undefined;

/**
 * Workers that want to leave and do not take part leave at once, unless they hold a state that is stored nowhere else.
 */
export function releaseIdle(state: CoordinatorState): Transition {
  const { membership } = state;
  switch (membership.type) {
    case 'waiting':
    case 'gathering':
      return releaseLeavers(state, { type: 'wait', reason: '' });
    case 'running':
      return releaseLeavers(state, {
        type: 'resume',
        ops: 0,
        members: membership.members,
        heals: [],
        checkpoint: undefined,
        reason: '',
      });
    default:
      return { state, effects: [] };
  }
}

function resumeMembers(
  state: CoordinatorState,
  plan: Plan & { type: 'resume' },
  so: { effects: readonly CoordinatorEffect[]; nowMs: number },
): Transition {
  const { generation, history } = state;
  const phase = state.phase!;
  const byId = new Map([...state.workers.values()].map((worker) => [worker.workerId, worker]));
  const members = plan.members.map(({ workerId, ranks }) => ({
    workerId,
    ranks,
    meshAddress: byId.get(workerId)!.info!.meshAddress,
  }));
  const teacher = phase.name === 'student' ? teacherOf(history) : undefined;
  const message: ToWorker & { type: 'resume' } = {
    type: 'resume',
    generation,
    phase: phase.name,
    ops: plan.ops,
    members,
    heals: [...plan.heals],
    ...(plan.checkpoint === undefined ? {} : { checkpoint: plan.checkpoint }),
    ...(teacher === undefined ? {} : { teacher }),
    ...(history.tuned ? { tuned: history.tuned } : {}),
  };
  const ids = new Set(members.map(({ workerId }) => workerId));
  const idle = joinedWorkers(state)
    .filter(({ workerId }) => !ids.has(workerId))
    .map(({ workerId }) => workerId);
  const starting: MembershipState = { type: 'starting', members, resume: message, ready: new Map(), sinceMs: so.nowMs };
  return {
    state: update({ ...state, membership: starting, dealtMs: so.nowMs }, ids, {
      instructedMs: so.nowMs,
      advancedMs: so.nowMs,
    }),
    effects: [
      ...so.effects,
      notify({
        type: 'phaseAssigned',
        phase: phase.name,
        generation,
        ops: plan.ops,
        members: members.map(shareOf),
        idle,
        reason: plan.reason,
      }),
      ...members.map(({ workerId }) => send(byId.get(workerId)!.link, message)),
    ],
  };
}

export function onReady(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'ready' },
  nowMs: number,
): Transition {
  const { membership, generation } = state;
  const phase = state.phase!;
  if (membership.type !== 'starting' || message.generation !== generation) return { state, effects: [] };
  const ready = new Map(membership.ready).set(worker.workerId, message);
  if (ready.size < membership.members.length)
    return { state: { ...state, membership: { ...membership, ready } }, effects: [] };
  const [first] = ready;
  invariant(first, 'a report has just come');
  const [leadId, lead] = first;
  const other = state.options.allowMixed
    ? undefined
    : [...ready].find(([, each]) => each.stateSha256 !== lead.stateSha256);
  if (other)
    return end(state, {
      code: 'MODEL_DIVERGED',
      message:
        `at operation ${lead.ops} the ${phase.name} of ${leadId} (${lead.weightsSha256.slice(0, 12)}) is not ` +
        `that of ${other[0]} (${other[1].weightsSha256.slice(0, 12)})`,
    });
  const { members } = membership;
  const links = [...state.workers.values()].filter(({ workerId }) => ready.has(workerId)).map(({ link }) => link);
  const isFirst = !phase.isStarted;
  const started: PhaseProgress = {
    ...phase,
    isStarted: true,
    ...(isFirst ? { startedMs: nowMs, epochStartedMs: nowMs } : {}),
  };
  const running: CoordinatorState = {
    ...state,
    phase: started,
    membership: { type: 'running', members, sinceMs: nowMs },
  };
  const effects: CoordinatorEffect[] = [
    ...(isFirst
      ? [
          notify({
            type: 'phaseStarted',
            phase: phase.name,
            parameters: lead.parameters,
            initialWeightsSha256: lead.weightsSha256,
          }),
        ]
      : []),
    notify({
      type: 'resumed',
      phase: phase.name,
      generation,
      members: members.map(shareOf),
      isFirst,
      ms: nowMs - membership.sinceMs,
    }),
    ...links.map((link) => send(link, { type: 'start', generation })),
  ];
  return { state: update(running, new Set(ready.keys()), { instructedMs: nowMs, advancedMs: nowMs }), effects };
}

// What ticks detect: new workers that wait, members that are stuck, ranks that are assigned badly.

/** Whether there are workers that should be members, or members that want to leave. */
function wantedChange(state: CoordinatorState, nowMs: number): string | undefined {
  if (state.membership.type !== 'running' && state.membership.type !== 'waiting') return undefined;
  const ids = new Set(membersOf(state.membership).map(({ workerId }) => workerId));
  const workers = joinedWorkers(state).filter((worker) => isAble(worker, nowMs));
  const leaver = workers.find((worker) => worker.leaving && ids.has(worker.workerId));
  if (leaver) return `${nameOf(leaver)} leaves`;
  if (state.isTuning) return undefined;
  if (state.membership.type === 'waiting')
    return workers.filter((worker) => !worker.leaving).length >=
      workersNeeded(state.phase!.name, state.options.minWorkers)
      ? 'enough workers'
      : undefined;
  if (isOnOneNode(state.phase!.name)) return undefined;
  const newcomer = workers.find((worker) => !worker.leaving && !ids.has(worker.workerId));
  return newcomer && `${nameOf(newcomer)} joins`;
}

export function changeIfWanted(state: CoordinatorState, nowMs: number): Transition {
  return andThen(releaseIdle(state), (next) => {
    const reason = wantedChange(next, nowMs);
    return reason === undefined
      ? { state: next, effects: [] }
      : requestChange(next, { reason, boundary: next.membership.type === 'running' }, nowMs);
  });
}

/** Links workers again that wait without progress: something between them was lost. */
export function relinkIfStalled(state: CoordinatorState, nowMs: number): Transition {
  const { membership } = state;
  if (
    membership.type !== 'running' &&
    membership.type !== 'starting' &&
    !(membership.type === 'pausing' && membership.boundary)
  )
    return { state, effects: [] };
  const ids = new Set(membersOf(membership).map(({ workerId }) => workerId));
  const members = [...state.workers.values()].filter(({ workerId }) => ids.has(workerId));
  const stuck = members.every(
    ({ beat, advancedMs }) => beat && !beat.busy && nowMs - advancedMs > limits.stallTimeoutMs,
  );
  if (!stuck || members.length === 0) return { state, effects: [] };
  if (membership.type === 'running' && members.every(({ beat }) => beat!.stage === 'finished'))
    return { state, effects: [] };
  return pauseAll(state, { reason: 'no member made progress', boundary: false }, nowMs);
}

/** Moves ranks from slow to fast members, if that makes a step shorter by enough. */
export function rebalance(state: CoordinatorState, nowMs: number): Transition {
  const { membership } = state;
  if (membership.type !== 'running' || nowMs - state.dealtMs < limits.rebalanceIntervalMs)
    return { state, effects: [] };
  const beats = new Map([...state.workers.values()].map((worker) => [worker.workerId, worker.beat?.rankMs]));
  const costs = costsOf(membership.members.map(({ workerId }) => beats.get(workerId)));
  const { ranks } = phaseOf(state.options.job, state.phase!.name).schedule;
  const now = stepCost(
    membership.members.map(({ ranks: span }) => span),
    costs,
  );
  const after = stepCost(dealRanks(ranks, costs), costs);
  if (after > now * (1 - limits.rebalanceGain)) return { state, effects: [] };
  return requestChange(
    state,
    {
      reason: `ranks move: a step takes ${Math.round(now)} ms and would take ${Math.round(after)} ms`,
      boundary: true,
    },
    nowMs,
  );
}

/** Repeats a message that a worker seems not to have received. */
export function remind(state: CoordinatorState, worker: Worker, nowMs: number): Transition {
  const { membership, generation } = state;
  const { beat } = worker;
  if (!beat || nowMs - worker.instructedMs < limits.resendMs) return { state, effects: [] };
  const message = reminder(membership, worker, { beat, generation });
  if (!message) return { state, effects: [] };
  return {
    state: update(state, new Set([worker.workerId]), { instructedMs: nowMs }),
    effects: [send(worker.link, message)],
  };
}

function reminder(
  membership: MembershipState,
  worker: Worker,
  at: { beat: NonNullable<Worker['beat']>; generation: number },
): ToWorker | undefined {
  const { beat, generation } = at;
  const isMember = membersOf(membership).some(({ workerId }) => workerId === worker.workerId);
  if (membership.type === 'pausing' && !membership.acknowledged.has(worker.workerId) && worker.info)
    return { type: 'pause', generation, boundary: membership.boundary };
  if (
    membership.type === 'starting' &&
    isMember &&
    !membership.ready.has(worker.workerId) &&
    (beat.stage === 'paused' || beat.stage === 'ready')
  )
    return membership.resume;
  if (membership.type === 'running' && isMember && beat.stage === 'ready' && beat.generation === generation)
    return { type: 'start', generation };
  return undefined;
}
