// How workers join: greeting, refusal, joining, and when there are enough of them to begin or to continue.
import { invariant, StillhouseError, toErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { protocolVersion, type ToCoordinator } from '../wire/messages.js';
import { noteRefusal } from './conduct.js';
import { onLost } from './failures.js';
import { releaseIdle } from './leavers.js';
import { askNewcomer, pauseAll, phaseNow } from './membership-change.js';
import { changeIfWanted } from './wanted-change.js';
import {
  andThen,
  type CoordinatorState,
  joinedWorkers,
  notify,
  send,
  type Transition,
  type Worker,
  type WorkerInfo,
} from './state.js';

/** One that takes part already is lost to the others. */
function reject(
  state: CoordinatorState,
  { link, host }: { readonly link: number; readonly host: string },
  error: StillhouseError,
  nowMs: number,
): Transition {
  const record = toErrorRecord(error);
  const noted = noteRefusal(state, { host, error: record }, nowMs);
  const effects = [send(link, { type: 'rejected', error: record }), { type: 'close', link } as const];
  return andThen({ state: noted.state, effects: [...noted.effects, ...effects] }, (next) => {
    if (state.workers.get(link)?.info) return onLost(next, link, `it was refused: ${record.message}`, nowMs);
    const workers = new Map(next.workers);
    workers.delete(link);
    return { state: { ...next, workers }, effects: [] };
  });
}

type RefusalCode = 'PROTOCOL_VERSION' | 'TOKEN_REJECTED' | 'RUN_OVER' | 'RUN_FULL' | 'PROTOCOL_VIOLATION';

export function onHello(
  state: CoordinatorState,
  link: number,
  message: ToCoordinator & { type: 'hello' },
  nowMs: number,
): Transition {
  const { job, token, term } = state.options;
  const { host, instance } = message;
  const refuse = (code: RefusalCode, why: string): Transition =>
    reject(state, { link, host }, new StillhouseError(code, why), nowMs);
  if (message.protocol !== protocolVersion)
    return refuse(
      'PROTOCOL_VERSION',
      `the worker has protocol version ${message.protocol} (stillhouse ${message.version}), this coordinator ` +
        `has ${protocolVersion}`,
    );
  if (message.token !== token) return refuse('TOKEN_REJECTED', 'the worker’s token is not the token of this run');
  if (message.runId !== undefined && message.runId !== job.runId)
    return refuse('RUN_OVER', 'the worker belongs to a different run');
  if (state.expelled.has(instance))
    return refuse('PROTOCOL_VIOLATION', 'this process has sent what no worker of this version sends');
  // The worker says that it knows a later coordinator; the run folder says whether there is one. It must go on looking.
  if (message.term > term) {
    const error = { code: 'RUN_OVER', message: `it says that there is a coordinator ${message.term}` } as const;
    return andThen(noteRefusal(state, { host, error }, nowMs), (next) => ({
      state: next,
      effects: [{ type: 'close', link }],
    }));
  }
  const known = state.workers.get(link);
  if (known) return welcome(state, known);
  if (state.workers.size >= limits.workerCount)
    return refuse('RUN_FULL', `the run has ${limits.workerCount} workers already`);
  // The same process over a new link: the old one is dead.
  const before = [...state.workers.values()].find((worker) => worker.instance === instance);
  const forgotten: Transition = before
    ? andThen({ state, effects: [{ type: 'close', link: before.link }] }, (next) =>
        onLost(next, before.link, 'it came back over another connection', nowMs),
      )
    : { state, effects: [] };
  return andThen(forgotten, (next) => admit(next, link, message, nowMs));
}

function admit(
  state: CoordinatorState,
  link: number,
  message: ToCoordinator & { type: 'hello' },
  nowMs: number,
): Transition {
  const { instance, host } = message;
  // A worker keeps the name that an earlier coordinator gave it.
  const isFree = (workerId: string): boolean =>
    ![...state.names.values()].includes(workerId) && numberOf(workerId) < state.nextWorker + limits.processCount;
  const named =
    state.names.get(instance) ??
    (message.workerId !== undefined && isFree(message.workerId) ? message.workerId : undefined);
  const workerId = named ?? `w${state.nextWorker}`;
  const worker: Worker = {
    link,
    instance,
    workerId,
    host,
    info: undefined,
    held: undefined,
    leaving: false,
    heardMs: nowMs,
    beat: undefined,
    advancedMs: nowMs,
    instructedMs: nowMs,
    silenceNoted: false,
    progressedMs: nowMs,
    slownessNoted: false,
    stallNoted: false,
    probe: undefined,
    routes: new Map(),
  };
  const next: CoordinatorState = {
    ...state,
    nextWorker: Math.max(state.nextWorker, numberOf(workerId) + 1),
    names: withName(state, instance, workerId),
    workers: new Map(state.workers).set(link, worker),
  };
  return andThen({ state: next, effects: [{ type: 'admit', link }] }, (after) => welcome(after, worker));
}

const numberOf = (workerId: string): number => Number(workerId.slice(1));

/** The names that were given; the oldest ones of processes that are gone are forgotten, once there are very many. */
function withName({ names, workers }: CoordinatorState, instance: string, workerId: string): Map<string, string> {
  const next = new Map(names).set(instance, workerId);
  if (next.size <= limits.processCount) return next;
  const present = new Set([...workers.values()].map((worker) => worker.instance));
  const [oldest] = [...names.keys()].filter((each) => !present.has(each));
  if (oldest !== undefined) next.delete(oldest);
  return next;
}

export function welcome(state: CoordinatorState, worker: Worker): Transition {
  const { job, meshToken, term } = state.options;
  const phase = state.phase?.name === 'teacher' && state.phase.isStarted ? state.phase.name : undefined;
  return {
    state,
    effects: [
      send(worker.link, {
        type: 'welcome',
        workerId: worker.workerId,
        term,
        meshToken,
        job,
        ...(phase ? { phase } : {}),
      }),
    ],
  };
}

export function onJoin(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'join' },
  nowMs: number,
): Transition {
  const other = joinedWorkers(state).find(({ info }) => info!.fingerprint !== message.fingerprint)?.info;
  if (other && !state.options.allowMixed) {
    return reject(
      state,
      worker,
      new StillhouseError(
        'FINGERPRINT_MISMATCH',
        `the worker's engine is ${message.fingerprint}, but that of ${other.workerId} is ${other.fingerprint}: ` +
          'equal bits cannot be promised',
      ),
      nowMs,
    );
  }
  if (worker.info) return { state, effects: [] };
  const { fingerprint, choice, meshAddress, alternatives, held, leaving } = message;
  const info: WorkerInfo = {
    workerId: worker.workerId,
    host: worker.host,
    fingerprint,
    choice,
    meshAddress,
    ...(alternatives ? { alternatives } : {}),
  };
  const joined: Worker = { ...worker, info, held, leaving };
  const next: CoordinatorState = {
    ...state,
    workers: new Map(state.workers).set(worker.link, joined),
    generation: Math.max(state.generation, message.generation),
  };
  const effects = [
    notify({ type: 'joined', worker: info, joined: joinedWorkers(next).length, wanted: state.options.workers }),
    ...askNewcomer(next, joined),
  ];
  return andThen({ state: next, effects }, (after) => beginIfReady(adopt(after, joined, message, nowMs), nowMs));
}

/** After a restart: takes over a generation whose members are all back and have not stopped, without disturbing it. */
function adopt(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'join' },
  nowMs: number,
): CoordinatorState {
  const { membership } = state;
  if (membership.type !== 'adopting' || !message.running) return state;
  const reports = new Map(membership.reports).set(worker.workerId, {
    generation: message.generation,
    members: message.running,
  });
  const generation = Math.max(...[...reports.values()].map((each) => each.generation));
  const newest = [...reports].filter(([, each]) => each.generation === generation);
  const [first] = newest;
  invariant(first, 'a report has just come');
  const { members } = first[1];
  const phase = phaseNow(state, nowMs);
  const ids = new Set(newest.map(([workerId]) => workerId));
  const isAgreed = newest.every(([, each]) => JSON.stringify(each.members) === JSON.stringify(members));
  const isWhole =
    phase &&
    isAgreed &&
    members.every(({ workerId }) => ids.has(workerId)) &&
    joinedWorkers(state).every(({ workerId, held }) => !ids.has(workerId) || held?.phase === phase.name);
  if (!isWhole) return { ...state, membership: { ...membership, reports } };
  return {
    ...state,
    generation,
    phase: { ...phase, isStarted: true },
    membership: { type: 'running', members, sinceMs: nowMs },
    linked: ids,
  };
}

/** Begins, or continues, once enough workers have joined. */
export function beginIfReady(state: CoordinatorState, nowMs: number): Transition {
  const joined = joinedWorkers(state);
  switch (state.membership.type) {
    case 'gathering':
      if (joined.some(({ leaving }) => leaving)) return releaseIdle(state);
      return joined.filter(({ leaving }) => !leaving).length < state.options.workers
        ? { state, effects: [] }
        : pauseAll(state, { reason: 'all workers have joined', boundary: false }, nowMs);
    case 'adopting':
      if (state.membership.untilMs > nowMs) return { state, effects: [] };
      if (joined.some(({ held }) => held))
        return pauseAll(state, { reason: 'the coordinator was restarted', boundary: false }, nowMs);
      return beginIfReady({ ...state, membership: { type: 'gathering' }, startedMs: nowMs }, nowMs);
    default:
      return changeIfWanted(state, nowMs);
  }
}
