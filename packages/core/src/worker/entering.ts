// A worker's way into a generation: it pauses, gets model, links and state, reports that it is ready, and starts.
import { codingOf } from '../collective/coding.js';
import { Collective } from '../collective/collective.js';
import { slotsPerRank } from '../collective/flat-layout.js';
import { invariant, StillhouseError } from '../error/errors.js';
import { datasetOf, phaseOf } from '../job/job.js';
import { measuresOf } from '../metric/metrics.js';
import { sumCount } from '../metric/sums.js';
import { tunedJob } from '../tune/space.js';
import type { Route, ToWorker } from '../wire/messages.js';
import { StateAssembly } from '../wire/training-file.js';
import { join } from './link.js';
import { withRoutes } from './routes.js';
import { acknowledge, beginTask, park } from './running.js';
import {
  send,
  type Activity,
  type Preparing,
  type Result,
  type Running,
  type Transition,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerState,
} from './state.js';

export function onPause(state: WorkerState, { generation, boundary }: ToWorker & { type: 'pause' }): Transition {
  if (generation < state.generation) return { state, effects: [] };
  // A worker that cannot continue reports it by itself: the first member, which should report it, may be the lost one.
  if (state.activity.type === 'failing') return { state, effects: [send(state.activity.message)] };
  const { type } = state.activity;
  const isAtWork = type === 'running' || type === 'ready' || type === 'preparing' || type === 'finished';
  // A pause for the generation that this worker is already in is old; for one that it waits in, it is a repeated
  // request.
  if (generation === state.generation && isAtWork) return { state, effects: [] };
  if (boundary && type === 'running') return { state: { ...state, boundary: generation }, effects: [] };
  const isAdopting = isAdoptingState(state.activity);
  const paused: WorkerState = {
    ...state,
    generation,
    boundary: undefined,
    activity: { type: 'paused', reason: 'membership changes', ...(isAdopting ? { isAdopting } : {}) },
  };
  // Between two states a worker has nothing to report.
  return isAdopting ? { state: paused, effects: [] } : acknowledge(paused);
}

/** Whether weights and optimiser state are being replaced. */
export const isAdoptingState = (activity: Activity): boolean =>
  (activity.type === 'preparing' && activity.asked === 'adopt') ||
  (activity.type === 'paused' && activity.isAdopting === true);

/** Weights and optimiser state have changed, whatever has been decided meanwhile. */
export function onAdopted(state: WorkerState, event: WorkerEvent & { type: 'adopted' }): Transition {
  const { activity } = state;
  if (activity.type === 'paused' && activity.isAdopting)
    return acknowledge({ ...state, activity: { type: 'paused', reason: activity.reason } });
  if (activity.type !== 'preparing' || activity.generation !== event.generation) return { state, effects: [] };
  return proceed(state, { ...activity, assembly: undefined, bytes: undefined, asked: 'nothing' });
}

export function onResume(state: WorkerState, message: ToWorker & { type: 'resume' }): Transition {
  const { generation, members, hosts, heals, ops, checkpoint, teacher, tuned } = message;
  const { activity, training } = state;
  if (generation !== state.generation) return { state, effects: [] };
  if (activity.type === 'ready') return { state, effects: [readyMessage(activity, activity.hashes)] };
  if (activity.type !== 'paused' || activity.isAdopting) return { state, effects: [] };
  const self = members.findIndex((member) => member.workerId === state.workerId);
  // Others begin without this worker: none of them needs what it sent before.
  if (self < 0) return { state, effects: [{ type: 'unlink', before: generation }] };
  if (!state.job) throw new StillhouseError('PROTOCOL_VIOLATION', 'resumed without a job');
  const job = tuned ? tunedJob(state.job, tuned) : state.job;
  const phase = phaseOf(job, message.phase);
  const healedBy = heals.find((heal) => heal.to === self)?.from;
  const isBehind = healedBy !== undefined || checkpoint !== undefined;
  const isBuilt =
    (state.built?.phase.name === phase.name && training !== undefined && (isBehind || training.ops === ops)) ||
    state.building === phase.name;
  const preparing: Preparing = {
    generation,
    members,
    self,
    phase,
    ops,
    hosts,
    greeted: undefined,
    files: undefined,
    bytes: undefined,
    asked: 'nothing',
    donatesTo: heals.filter((heal) => heal.from === self).map((heal) => heal.to),
    healedBy,
    assembly: isBehind ? new StateAssembly() : undefined,
  };
  const build: WorkerEffect[] = isBuilt ? [] : [{ type: 'build', phase, teacher }];
  const fetch: WorkerEffect[] = checkpoint === undefined ? [] : [{ type: 'fetchState', generation, hash: checkpoint }];
  // Earlier links are cut first: data still on the way to a peer must not be read once its memory is used again.
  return {
    state: {
      ...state,
      job,
      ...(isBuilt ? {} : { building: phase.name, built: undefined, training: undefined }),
      activity: { ...preparing, type: 'preparing' },
    },
    effects: [
      { type: 'unlink', before: generation },
      ...build,
      { type: 'route', generation, peers: members.toSpliced(self, 1) },
      ...fetch,
    ],
  };
}

export function onBuilt(state: WorkerState): Transition {
  const { activity } = state;
  if (activity.type === 'preparing') return proceed(state, activity);
  return activity.type === 'idle' && state.link === 'up' ? join(state) : { state, effects: [] };
}

export function onPreparing(state: WorkerState, preparing: Preparing, event: Result): Transition {
  switch (event.type) {
    case 'routed':
      return linkMembers(state, preparing, event.routes);
    case 'greeted':
      return waitFor(state, { ...preparing, greeted: new Set(preparing.greeted).add(event.from) });
    case 'linked':
      return proceed(state, { ...preparing, files: event.files });
    case 'fetched':
      return proceed(state, { ...preparing, bytes: event.bytes });
    case 'frame': {
      const { header, data } = event.frame;
      if (header.type !== 'state' || !takesState(preparing, event.from)) return { state, effects: [] };
      return proceed(state, { ...preparing, bytes: preparing.assembly!.receive(header, data) });
    }
    case 'notAdopted':
      return park(
        state,
        event.reason,
        preparing.healedBy === undefined
          ? []
          : [
              send({
                type: 'unreachable',
                generation: event.generation,
                peer: preparing.healedBy,
                linking: false,
                reason: event.reason,
              }),
            ],
      );
    case 'hashed':
      return becomeReady(state, preparing, event);
    default:
      return { state, effects: [] };
  }
}

/** Whether this worker gets its state from that member, and does not have it yet. */
export const takesState = ({ assembly, bytes, healedBy }: Preparing, from: number): boolean =>
  assembly !== undefined && !bytes && from === healedBy;

const waitFor = (state: WorkerState, next: Preparing, effects: WorkerEffect[] = []): Transition => ({
  state: { ...state, activity: { ...next, type: 'preparing' } },
  effects,
});

/** Connects to the other members, once it is known how they are reached. */
function linkMembers(before: WorkerState, preparing: Preparing, routes: readonly Route[]): Transition {
  const { generation, members, self, hosts } = preparing;
  const addresses = routes.map(({ address }) => address).toSpliced(self, 0, members[self]!.meshAddress);
  const told = withRoutes(before, members.toSpliced(self, 1), routes);
  const link: WorkerEffect = { type: 'link', generation, members, self, hosts, addresses };
  return waitFor(told.state, { ...preparing, greeted: new Set() }, [...told.effects, link]);
}

/** Takes the next possible step into the generation. */
function proceed(state: WorkerState, preparing: Preparing): Transition {
  const { generation, phase, assembly, bytes, asked, donatesTo, files } = preparing;
  const wait = (next: Preparing, effects: WorkerEffect[] = []): Transition => waitFor(state, next, effects);
  if (state.built?.phase.name !== phase.name || !state.training) return wait(preparing);
  if (assembly)
    return bytes && asked === 'nothing'
      ? wait({ ...preparing, asked: 'adopt' }, [
          {
            type: 'adopt',
            generation,
            held: { phase: phase.name, ops: preparing.ops },
            bytes,
            isSealed: preparing.healedBy !== undefined,
          },
        ])
      : wait(preparing);
  invariant(
    state.training.ops === preparing.ops,
    `the state is at operation ${state.training.ops}, not ${preparing.ops}`,
  );
  const { training } = state;
  if (!files || asked === 'hash') return wait(preparing);
  const donate: WorkerEffect[] = donatesTo.length ? [{ type: 'sendState', generation, training, to: donatesTo }] : [];
  return wait({ ...preparing, asked: 'hash' }, [...donate, { type: 'hash', generation, training }]);
}

function becomeReady(state: WorkerState, preparing: Preparing, event: WorkerEvent & { type: 'hashed' }): Transition {
  const { generation, members, self, phase, ops, hosts, files } = preparing;
  const { job } = state;
  const { layout, flatGradient, memory } = state.built!;
  const { ranks } = phase.schedule;
  invariant(
    flatGradient.length === layout.gradients + layout.otherWeights + ranks * slotsPerRank,
    'the flat buffer fits its layout',
  );
  const collective = new Collective({
    generation,
    ranks,
    members: members.map((member) => member.ranks),
    hosts,
    self,
    out: flatGradient,
    memory,
    op: ops,
    valueCount: sumCount(measuresOf(job!.recipe), datasetOf(job!.dataset, phase.name).outputs),
    coding: codingOf(phase.wire, layout),
    files,
  });
  const { stateSha256, weightsSha256 } = event;
  const run: Running = {
    generation,
    members,
    self,
    phase,
    layout,
    flatGradient,
    collective,
    task: 'step',
    contributed: false,
    stepped: 0,
    weightsSha256,
  };
  const hashes = { stateSha256, weightsSha256 };
  return { state: { ...state, activity: { ...run, type: 'ready', hashes } }, effects: [readyMessage(run, hashes)] };
}

function readyMessage(run: Running, hashes: { stateSha256: string; weightsSha256: string }): WorkerEffect {
  return send({
    type: 'ready',
    generation: run.generation,
    ops: run.collective.op,
    parameters: run.layout.gradients,
    ...hashes,
  });
}

export function onStart(state: WorkerState, generation: number): Transition {
  const { activity } = state;
  if (activity.type !== 'ready' || activity.generation !== generation) return { state, effects: [] };
  const { hashes, ...run } = activity;
  // The first step of a generation is reported at once.
  return beginTask({ ...state, lastProgressMs: -Infinity, activity: { ...run, type: 'running' } }, run, []);
}
