// The two-phase change of membership: pause for a new generation, collect every worker's position, resume with new
// members. One mechanism for a worker that is lost, joins, leaves or is slow, for a new phase, and for a coordinator
// that comes back.
import { invariant } from '../error/errors.js';
import { expectedRowsDigest, phaseOf } from '../job/job.js';
import type { PhaseName } from '../job/phase-name.js';
import { searches } from '../recipe/baseline-config.js';
import type { Member, ToCoordinator, ToWorker } from '../wire/messages.js';
import { phaseUnderWay, type RunHistory } from './journal.js';
import { releaseLeavers } from './leavers.js';
import { isKnownToBeReachable } from './reachable.js';
import { type Candidate, type Plan, planGeneration, workersNeeded } from './plan.js';
import {
  ableWorkers,
  type CoordinatorEffect,
  type CoordinatorState,
  end,
  joinedWorkers,
  type MembershipState,
  membersOf,
  notify,
  reachOf,
  type PhaseProgress,
  send,
  type Transition,
  updateWorkers,
  type Worker,
} from './state.js';

const shareOf = ({ workerId, ranks }: Member): { workerId: string; ranks: Member['ranks'] } => ({ workerId, ranks });

/** Generations of different coordinators never coincide: each counts from its term. */
const generationsPerTerm = 2 ** 16;

/** The generations of a coordinator are higher than this, and those of earlier coordinators are not. */
export const firstGenerationOf = (term: number): number => term * generationsPerTerm;

/**
 * Begins a new generation: all workers stop and report their positions.
 * @param change.boundary stop at the end of a step instead of at once, so that nothing is repeated
 */
export function pauseAll(
  state: CoordinatorState,
  change: { reason: string; boundary: boolean },
  nowMs: number,
): Transition {
  const generation = Math.max(state.generation, firstGenerationOf(state.options.term)) + 1;
  const { boundary, reason } = change;
  const before = membersOf(state.membership);
  const workers = joinedWorkers(state);
  const pausing: MembershipState = {
    type: 'pausing',
    reason,
    boundary,
    before,
    acknowledged: new Set(),
    sinceMs: nowMs,
  };
  const next = updateWorkers(
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
    areTimesTold: false,
    step: 0,
    startedMs: nowMs,
    epochStartedMs: nowMs,
  };
}

/**
 * Newcomers that no member has tried to reach wait, unless there are too few others: they might keep a generation from
 * starting.
 */
function workersToPlanWith(state: CoordinatorState, phase: PhaseName, nowMs: number): Worker[] {
  const able = ableWorkers(state, nowMs);
  const known = able.filter((worker) => isKnownToBeReachable(state, worker));
  const needed = workersNeeded(phase, state.options.minWorkers);
  return known.filter(({ leaving }) => !leaving).length >= needed ? known : able;
}

function candidatesOf(
  state: CoordinatorState,
  { before, phase }: { before: readonly Member[]; phase: PhaseName },
  nowMs: number,
): Candidate[] {
  const place = ({ workerId }: Worker): number => {
    const index = before.findIndex((member) => member.workerId === workerId);
    return index < 0 ? before.length : index;
  };
  const workers = workersToPlanWith(state, phase, nowMs).toSorted((a, b) => place(a) - place(b));
  // Workers of one host follow each other: their ranks then make subtrees, of which one sum leaves the host.
  const firstOf = ({ host }: Worker): number => workers.findIndex((worker) => worker.host === host);
  return workers
    .toSorted((a, b) => firstOf(a) - firstOf(b))
    .map(({ workerId, held, leaving, beat }) => ({ workerId, held, leaving, rankMs: beat?.rankMs }));
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
    candidates: candidatesOf(state, { before, phase: phase.name }, nowMs),
    minWorkers: state.options.minWorkers,
    checkpoint,
  });
  const released = releaseLeavers(state, plan.type === 'resume' ? plan.members : undefined);
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
  name === 'student' && searches(options.job.recipe) && !history.tuned;

/** Workers wait while this machine searches for hyperparameters of the student and of the baseline. */
function waitForTuning(state: CoordinatorState): Transition {
  const reason = state.options.job.recipe.distill?.tune
    ? 'the search for the student’s hyperparameters'
    : 'the cross-validation of the baseline';
  const released = releaseLeavers(state, undefined);
  const begin: CoordinatorEffect[] = state.isTuning ? [] : [{ type: 'tune', teacher: teacherOf(state.history) }];
  return {
    state: { ...released.state, isTuning: true, membership: { type: 'waiting' } },
    effects: [...released.effects, notify({ type: 'waiting', reason }), ...begin],
  };
}

function resumeMembers(
  state: CoordinatorState,
  plan: Plan & { type: 'resume' },
  so: { effects: readonly CoordinatorEffect[]; nowMs: number },
): Transition {
  const { generation, history, membership } = state;
  const phase = state.phase!;
  const byId = new Map([...state.workers.values()].map((worker) => [worker.workerId, worker]));
  const members = plan.members.map(({ workerId, ranks }) => ({
    workerId,
    ranks,
    ...reachOf(byId.get(workerId)!.info!),
  }));
  const hostOf = plan.members.map(({ workerId }) => byId.get(workerId)!.host);
  const hosts = new Map([...new Set(hostOf)].map((host, index) => [host, index]));
  const teacher = phase.name === 'student' ? teacherOf(history) : undefined;
  const message: ToWorker & { type: 'resume' } = {
    type: 'resume',
    generation,
    phase: phase.name,
    ops: plan.ops,
    members,
    ...(hosts.size < members.length ? { hosts: hostOf.map((host) => hosts.get(host)!) } : {}),
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
    state: updateWorkers({ ...state, membership: starting, dealtMs: so.nowMs }, ids, {
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
        cause: membership.type === 'pausing' ? membership.reason : '',
      }),
      // Those without a part learn that nobody needs what they sent before.
      ...joinedWorkers(state).map(({ link }) => send(link, message)),
    ],
  };
}

/** Members that have started are linked with each other: what was held against them is forgotten. */
function linkedNow(
  { quarantines }: CoordinatorState,
  members: readonly Member[],
): Pick<CoordinatorState, 'linked' | 'breaks' | 'quarantines'> {
  const linked = new Set(members.map(({ workerId }) => workerId));
  return {
    linked,
    breaks: new Map(),
    quarantines: new Map([...quarantines].filter(([workerId]) => !linked.has(workerId))),
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
  const isMember = membersOf(membership).some(({ workerId }) => workerId === worker.workerId);
  if (membership.type !== 'starting' || !isMember || message.generation !== generation) return { state, effects: [] };
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
    ...linkedNow(state, members),
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
  return { state: updateWorkers(running, new Set(ready.keys()), { instructedMs: nowMs, advancedMs: nowMs }), effects };
}
