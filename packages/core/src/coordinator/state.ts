// The coordinator's state, its events, and its effects.
import type { ErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import type { Job } from '../job/job.js';
import type { PhaseName } from '../job/phase-name.js';
import type { BaselineRecord, EpochRecord, PhaseRecord, TunedRecord } from '../job/run-record.js';
import type { BlockTracker } from './block-tracker.js';
import { applyRecord, type CheckpointRecord, type JournalRecord, type KnownEpoch, type RunHistory } from './journal.js';
import type { TunedValues } from '../tune/space.js';
import type { StepTimes } from './step-times.js';
import type { Held, Member, Reach, Route, ToCoordinator, ToWorker } from '../wire/messages.js';
import type { ExportedModel } from '../format/model-files.js';

export interface CoordinatorOptions {
  readonly job: Job;
  readonly token: string;
  readonly meshToken: string;
  /** The run starts when this many workers have joined. */
  readonly workers: number;
  /** Training continues while at least this many are there. */
  readonly minWorkers: number;
  readonly allowMixed: boolean;
  /** How long to wait for the workers; Infinity waits for ever. */
  readonly joinTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
  /** Time between checkpoints; Infinity takes none. */
  readonly checkpointEveryMs: number;
  /** Number of this coordinator; higher than that of every one before it. */
  readonly term: number;
  /** What the journal says about earlier coordinators. */
  readonly history: RunHistory;
}

export interface WorkerInfo {
  readonly workerId: string;
  readonly host: string;
  readonly fingerprint: string;
  /** Its backend and the reason, in words. */
  readonly choice: string;
  readonly meshAddress: string;
  /** Other addresses of its machine, one of which may be faster. */
  readonly alternatives?: readonly string[] | undefined;
}

export type CoordinatorEvent =
  | { readonly type: 'message'; readonly link: number; readonly message: ToCoordinator }
  | { readonly type: 'broken'; readonly link: number; readonly error: ErrorRecord }
  | { readonly type: 'closed'; readonly link: number; readonly reason: string }
  | { readonly type: 'interrupt'; readonly error: ErrorRecord }
  /** A worker's process has ended by itself, for example for lack of memory: it would end again. */
  | { readonly type: 'crashed'; readonly instance: string; readonly error: ErrorRecord }
  | { readonly type: 'modelSaved'; readonly phase: PhaseName; readonly blob: string }
  | {
      readonly type: 'checkpointTaken';
      readonly id: number;
      readonly held: Held;
      readonly sha256: string;
      readonly bytes: number;
    }
  | { readonly type: 'checkpointFailed'; readonly id: number; readonly reason: string }
  | { readonly type: 'checkpointUnusable'; readonly sha256: string; readonly reason: string }
  /** The search for the student's hyperparameters is over. */
  | { readonly type: 'tuned'; readonly values: TunedValues }
  /** Another coordinator has taken over. */
  | { readonly type: 'fenced'; readonly term: number }
  | { readonly type: 'tick' };

/** A worker's progress in the current generation. */
export interface WorkerShare {
  readonly workerId: string;
  readonly ranks: { readonly lo: number; readonly hi: number };
}

/** What happened, for events.jsonl, progress bars and logs. */
export type CoordinatorNotice =
  | { readonly type: 'joined'; readonly worker: WorkerInfo; readonly joined: number; readonly wanted: number }
  | { readonly type: 'refused'; readonly host: string; readonly error: ErrorRecord }
  /** Refusals that were not reported one by one, because there were too many. */
  | { readonly type: 'refusedMore'; readonly count: number }
  | { readonly type: 'left'; readonly workerId: string; readonly reason: string }
  | { readonly type: 'silent'; readonly workerId: string; readonly silentMs: number }
  | { readonly type: 'slow'; readonly workerId: string; readonly rankMs: number; readonly typicalMs: number }
  /** The others wait for it, and it makes no progress. */
  | {
      readonly type: 'stalling';
      readonly workerId: string;
      readonly forMs: number;
      readonly waiting: readonly string[];
    }
  | { readonly type: 'excluded'; readonly workerId: string; readonly reason: string; readonly forMs: number }
  | { readonly type: 'pausing'; readonly generation: number; readonly reason: string; readonly boundary: boolean }
  | { readonly type: 'waiting'; readonly reason: string }
  | {
      readonly type: 'phaseAssigned';
      readonly phase: PhaseName;
      readonly generation: number;
      readonly ops: number;
      readonly members: readonly WorkerShare[];
      readonly idle: readonly string[];
      /** Where it continues. */
      readonly reason: string;
      /** What the change of membership was for. */
      readonly cause: string;
    }
  | {
      readonly type: 'resumed';
      readonly phase: PhaseName;
      readonly generation: number;
      readonly members: readonly WorkerShare[];
      readonly isFirst: boolean;
      readonly ms: number;
    }
  | {
      readonly type: 'phaseStarted';
      readonly phase: PhaseName;
      readonly parameters: number;
      readonly initialWeightsSha256: string;
    }
  | {
      readonly type: 'progress';
      readonly phase: PhaseName;
      readonly step: number;
      /** Undefined within a round of steps: it is known once all ranks have ended theirs. */
      readonly loss?: number | undefined;
      /** Exposed time of the first member's last steps, in milliseconds; undefined if it trains without others. */
      readonly exchangeMs?: number | undefined;
    }
  /** What a step computes and exchanges, once per phase on several workers. */
  | { readonly type: 'stepTimes'; readonly phase: PhaseName; readonly times: StepTimes }
  | { readonly type: 'epoch'; readonly phase: PhaseName; readonly record: EpochRecord }
  | { readonly type: 'checkpoint'; readonly record: CheckpointRecord }
  | { readonly type: 'checkpointUnusable'; readonly sha256: string; readonly reason: string }
  | { readonly type: 'notSaved'; readonly what: string; readonly reason: string }
  | { readonly type: 'savedAgain'; readonly what: string }
  /** A block of data is corrupt or missing. */
  | { readonly type: 'blockSpoilt'; readonly what: string }
  | { readonly type: 'phaseDone'; readonly record: PhaseRecord }
  /** Finished trainings of a search, and how many are known to be needed. */
  | { readonly type: 'tuning'; readonly done: number; readonly planned: number; readonly what: string }
  | { readonly type: 'tuned'; readonly record: TunedRecord }
  /** For how many epochs the baseline will train. */
  | { readonly type: 'baselineChosen'; readonly record: BaselineRecord };

export type CoordinatorEffect =
  | { readonly type: 'send'; readonly link: number; readonly message: ToWorker }
  | { readonly type: 'sendBlock'; readonly link: number; readonly hash: string }
  | { readonly type: 'close'; readonly link: number }
  /** The other end of a link is a worker of the run: it may send what workers send. */
  | { readonly type: 'admit'; readonly link: number }
  | { readonly type: 'notify'; readonly notice: CoordinatorNotice }
  /** Write a record durably, before anything that follows. */
  | { readonly type: 'journal'; readonly record: JournalRecord }
  /** Answer, unless it is the last good one: modelSaved or modelNotSaved. */
  | { readonly type: 'saveModel'; readonly phase: PhaseName; readonly model: ExportedModel; readonly lastGood: boolean }
  /** Ask the worker of a link for its state. Answer: checkpointTaken or checkpointFailed. */
  | { readonly type: 'takeCheckpoint'; readonly link: number; readonly id: number }
  /**
   * Search for the student's hyperparameters, with the teacher of this hash if one was trained here. Answer: tuned, or
   * interrupt.
   */
  | { readonly type: 'tune'; readonly teacher: string | undefined }
  | { readonly type: 'dropCheckpoint'; readonly record: CheckpointRecord }
  | { readonly type: 'receiveUpload'; readonly link: number; readonly upload: ToCoordinator & { type: 'upload' } }
  | { readonly type: 'receivePart'; readonly link: number; readonly part: ToCoordinator & { type: 'statePart' } }
  | { readonly type: 'end'; readonly error: ErrorRecord | undefined };

export type Heartbeat = ToCoordinator & { type: 'heartbeat' };

export interface Worker {
  readonly link: number;
  readonly instance: string;
  readonly workerId: string;
  readonly host: string;
  readonly info: WorkerInfo | undefined;
  readonly held: Held | undefined;
  readonly leaving: boolean;
  readonly heardMs: number;
  readonly beat: Heartbeat | undefined;
  /** When its heartbeats last reported progress. */
  readonly advancedMs: number;
  /** When it was last sent an instruction. */
  readonly instructedMs: number;
  readonly silenceNoted: boolean;
  /** When the progress count in its heartbeats last rose. */
  readonly progressedMs: number;
  readonly slownessNoted: boolean;
  readonly stallNoted: boolean;
  /** Whether a newcomer and the members can reach each other, as far as that has been tried. */
  readonly probe: Probe | undefined;
  /** How it reaches other workers, as far as it has reported that. */
  readonly routes: ReadonlyMap<string, Route>;
}

/** Members try to reach a newcomer, and it tries to reach them, before anyone pauses for it. */
export interface Probe {
  readonly id: number;
  readonly sinceMs: number;
  /** Workers that were asked; the newcomer itself is one. */
  readonly asked: readonly string[];
  /** Which of them have answered: whether they could connect. */
  readonly answers: ReadonlyMap<string, boolean>;
}

/** A worker that others could not reach is left out until then; the next time for longer. */
export interface Quarantine {
  readonly times: number;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export type MembershipState =
  /** Before the run: until enough workers have joined. */
  | { readonly type: 'gathering' }
  /** After a restart: until the earlier workers are back, or time is up. */
  | {
      readonly type: 'adopting';
      readonly untilMs: number;
      readonly reports: ReadonlyMap<string, { readonly generation: number; readonly members: readonly Member[] }>;
    }
  /** Too few workers. */
  | { readonly type: 'waiting' }
  /** Until all have reported their positions. */
  | {
      readonly type: 'pausing';
      readonly reason: string;
      readonly boundary: boolean;
      readonly before: readonly Member[];
      readonly acknowledged: ReadonlySet<string>;
      readonly sinceMs: number;
    }
  /** Until all members have model, links and state. */
  | {
      readonly type: 'starting';
      readonly members: readonly Member[];
      readonly resume: ToWorker & { type: 'resume' };
      readonly ready: ReadonlyMap<string, ToCoordinator & { type: 'ready' }>;
      readonly sinceMs: number;
    }
  | { readonly type: 'running'; readonly members: readonly Member[]; readonly sinceMs: number }
  /** The phase is done; its model is being written. */
  | {
      readonly type: 'saving';
      readonly members: readonly Member[];
      readonly model: ExportedModel;
      readonly record: PhaseRecord;
    };

export interface PhaseProgress {
  readonly name: PhaseName;
  readonly expectedRowsDigest: string;
  readonly epochs: readonly KnownEpoch[];
  readonly done: ReadonlyMap<string, ToCoordinator & { type: 'done' }>;
  readonly isStarted: boolean;
  /** Whether the times of its steps have been reported. */
  readonly areTimesTold: boolean;
  /** As far as is known. */
  readonly step: number;
  readonly startedMs: number;
  readonly epochStartedMs: number;
}

export interface CheckpointState {
  readonly nextId: number;
  /** The one being taken. */
  readonly pending: { readonly id: number; readonly link: number } | undefined;
  readonly lastMs: number;
  /** Number of epochs when the last one was taken. */
  readonly epochs: number;
  /** How many in a row have failed. */
  readonly failures: number;
}

/** An interrupted run, until it has saved its state. */
export interface Interruption {
  readonly error: ErrorRecord;
  /** When it ends, whatever is saved by then. */
  readonly untilMs: number;
  /** The last checkpoint, once a worker has been asked for it. */
  readonly checkpoint: number | undefined;
}

export interface Accusation {
  readonly by: string;
  readonly of: string;
  readonly atMs: number;
}

export interface CoordinatorState {
  readonly options: CoordinatorOptions;
  readonly startedMs: number;
  readonly nextWorker: number;
  readonly names: ReadonlyMap<string, string>;
  readonly workers: ReadonlyMap<number, Worker>;
  readonly generation: number;
  readonly membership: MembershipState;
  readonly history: RunHistory;
  /** Undefined before the first and after the last phase. */
  readonly phase: PhaseProgress | undefined;
  readonly checkpoint: CheckpointState;
  readonly interruption: Interruption | undefined;
  /** Ranks that workers held when they were lost. */
  readonly lost: ReadonlyMap<string, Member['ranks']>;
  /** Remembers which workers were sent which blocks; changed in place, because there may be very many blocks. */
  readonly blocks: BlockTracker;
  readonly accusations: readonly Accusation[];
  /** Workers of the newest generation that started: they have been linked with each other. */
  readonly linked: ReadonlySet<string>;
  /** How often a link has broken while a generation was starting, since one last did; by the two workers. */
  readonly breaks: ReadonlyMap<string, number>;
  /** By worker; a worker that comes back over another link is not forgotten. */
  readonly quarantines: ReadonlyMap<string, Quarantine>;
  readonly nextProbe: number;
  /** Processes that have sent what no worker sends. */
  readonly expelled: ReadonlySet<string>;
  /** Refusals since then. */
  readonly refusals: { readonly sinceMs: number; readonly count: number };
  /** Whether a search for the student's hyperparameters is running; workers wait for it. */
  readonly isTuning: boolean;
  /** When ranks were last assigned. */
  readonly dealtMs: number;
  readonly tickedMs: number;
  /** Whether the run is over, or another coordinator has it now. */
  readonly ended: false | 'over' | 'fenced';
}

export interface Transition {
  readonly state: CoordinatorState;
  readonly effects: readonly CoordinatorEffect[];
}

export const notify = (notice: CoordinatorNotice): CoordinatorEffect => ({ type: 'notify', notice });
export const send = (link: number, message: ToWorker): CoordinatorEffect => ({ type: 'send', link, message });
/** Where other workers reach one. */
export const reachOf = ({ meshAddress, alternatives }: WorkerInfo): Reach => ({
  meshAddress,
  ...(alternatives ? { alternatives: [...alternatives] } : {}),
});
export const nameOf = (worker: Pick<Worker, 'workerId' | 'host'>): string =>
  `worker ${worker.workerId} (${worker.host})`;

/** Workers that could take part: their engines are loaded. */
export const joinedWorkers = (state: CoordinatorState): Worker[] =>
  [...state.workers.values()].filter((worker) => worker.info);

/** Workers that may become members now. */
export const ableWorkers = (state: CoordinatorState, nowMs: number): Worker[] =>
  joinedWorkers(state).filter(({ workerId }) => {
    const quarantine = state.quarantines.get(workerId);
    if (!quarantine) return true;
    // While training waits for workers, there is nothing to protect from another attempt.
    const { sinceMs, untilMs } = quarantine;
    return nowMs >= (state.membership.type === 'waiting' ? sinceMs + limits.quarantineMs : untilMs);
  });

/** Changes some workers. */
export function updateWorkers(
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

export function membersOf(membership: MembershipState): readonly Member[] {
  switch (membership.type) {
    case 'starting':
    case 'running':
    case 'saving':
      return membership.members;
    case 'pausing':
      return membership.before;
    default:
      return [];
  }
}

/** Continues with a further decision, keeping the effects of earlier ones. */
export function andThen(before: Transition, next: (state: CoordinatorState) => Transition): Transition {
  const after = next(before.state);
  return { state: after.state, effects: [...before.effects, ...after.effects] };
}

export function end(
  state: CoordinatorState,
  error: ErrorRecord | undefined,
  before: readonly CoordinatorEffect[] = [],
): Transition {
  const stops = [...state.workers.keys()].map((link) => send(link, error ? { type: 'stop', error } : { type: 'stop' }));
  const journal: CoordinatorEffect = {
    type: 'journal',
    record: { type: 'ended', ...(error ? { code: error.code } : {}) },
  };
  return { state: { ...state, ended: 'over' }, effects: [...before, journal, ...stops, { type: 'end', error }] };
}

/** Writes a record into the journal, and adds it to the history. */
export function writeRecord(state: CoordinatorState, entry: JournalRecord): Transition {
  return {
    state: { ...state, history: applyRecord(state.history, entry) },
    effects: [{ type: 'journal', record: entry }],
  };
}

/** Ends without a message: workers and journal belong to another coordinator. */
export function fence(state: CoordinatorState, term: number): Transition {
  const error = {
    code: 'COORDINATOR_FENCED',
    message: `coordinator ${term} of this run has taken over from this one, coordinator ${state.options.term}`,
  } as const;
  return {
    state: { ...state, ended: 'fenced' },
    effects: [
      ...[...state.workers.keys()].map((link): CoordinatorEffect => ({ type: 'close', link })),
      { type: 'end', error },
    ],
  };
}
