// A worker's state, its events, and its effects.
import type { Calibration } from '../metric/calibration.js';
import { invariant, type ErrorRecord } from '../error/errors.js';
import type { Job, Phase, SetName } from '../job/job.js';
import type { Metrics } from '../metric/metrics.js';
import type { MetricSums } from '../metric/sums.js';
import type { Ledger } from '../order/ledger.js';
import type { Span } from '../collective/tree.js';
import type { Collective, Outgoing } from '../collective/collective.js';
import type { FlatLayout } from '../collective/flat-layout.js';
import type { MeshFrame } from '../collective/frames.js';
import type { SumMemory } from '../collective/sum-memory.js';
import type { Held, Member, Reach, Route, ToCoordinator, ToWorker } from '../wire/messages.js';
import type { ExportedModel } from '../format/model-files.js';
import type { Durations } from './durations.js';
import type { StateAssembly } from '../wire/training-file.js';
import type { Task, TrainingState } from '../wire/training-state.js';

/** Results of work carry the generation that asked for it; those of an earlier generation are dropped. */
export type WorkerEvent =
  /** A link to a coordinator is open, or could not be opened. */
  | { readonly type: 'opened' }
  | { readonly type: 'unreachable'; readonly error: ErrorRecord }
  | { readonly type: 'coordinatorLost'; readonly reason: string }
  | { readonly type: 'message'; readonly message: ToWorker }
  | { readonly type: 'heartbeatDue' }
  /** A notice that this machine will be shut down, such as SIGTERM. */
  | { readonly type: 'leave' }
  | { readonly type: 'loaded'; readonly fingerprint: string; readonly choice: string; readonly reach: Reach }
  /** How this worker reaches the other members, by their place among them. */
  | { readonly type: 'routed'; readonly generation: number; readonly routes: readonly Route[] }
  | {
      readonly type: 'built';
      readonly phase: Phase;
      readonly layout: FlatLayout;
      readonly flatGradient: Float32Array;
      readonly memory: SumMemory;
      readonly calibration?: Calibration | undefined;
      readonly teacherTest?: Metrics | undefined;
    }
  /** Another member gets frames from this one, and this one from it. */
  | { readonly type: 'greeted'; readonly generation: number; readonly from: number }
  /**
   * All have greeted.
   * @param files with the sums of members of the same host, and its own, by member; empty if there are none.
   */
  | { readonly type: 'linked'; readonly generation: number; readonly files: ReadonlyMap<number, number> }
  | { readonly type: 'fetched'; readonly generation: number; readonly bytes: Uint8Array }
  | { readonly type: 'adopted'; readonly generation: number; readonly training: TrainingState }
  /** The state that arrived is not the one that was sent. */
  | { readonly type: 'notAdopted'; readonly generation: number; readonly reason: string }
  | {
      readonly type: 'hashed';
      readonly generation: number;
      readonly stateSha256: string;
      readonly weightsSha256: string;
    }
  /** A micro-batch of a round is done; more of them follow. */
  | { readonly type: 'stepped'; readonly generation: number }
  /** One of the operation's subtrees is summed, of the rows that the ledgers of its ranks count. */
  | {
      readonly type: 'summed';
      readonly generation: number;
      readonly subtree: number;
      readonly ledgers: readonly Ledger[];
    }
  | {
      readonly type: 'computed';
      readonly generation: number;
      readonly ms: number;
      readonly waitedMs: number;
    }
  | {
      readonly type: 'evaluated';
      readonly generation: number;
      readonly values: ReadonlyMap<number, MetricSums>;
      readonly weightsSha256: string;
    }
  | { readonly type: 'exported'; readonly generation: number; readonly model: ExportedModel }
  | { readonly type: 'frame'; readonly generation: number; readonly from: number; readonly frame: MeshFrame }
  /**
   * The link to another member broke, or could not be made.
   * @param meshAddress names the member, if the way to it may be the reason
   */
  | {
      readonly type: 'peerLost';
      readonly generation: number;
      readonly from: number;
      readonly meshAddress?: string;
      readonly linking: boolean;
      readonly reason: string;
    }
  /** How many of the workers could be connected to. */
  | { readonly type: 'probed'; readonly id: number; readonly reached: number }
  | { readonly type: 'failed'; readonly error: ErrorRecord };

/** Answers to effects, and frames: of the generation that asked for them. */
export type Result = Exclude<Extract<WorkerEvent, { readonly generation: number }>, { readonly type: 'adopted' }>;

export type WorkerEffect =
  /** Open a link to a coordinator after a while. Answer: opened or unreachable. */
  | { readonly type: 'connect'; readonly delayMs: number }
  | { readonly type: 'disconnect' }
  | { readonly type: 'send'; readonly message: ToCoordinator }
  | { readonly type: 'sendFrames'; readonly generation: number; readonly frames: readonly Outgoing[] }
  /** Load the engine that fits the job, and listen for peers. Answer: loaded. */
  | { readonly type: 'load'; readonly job: Job; readonly meshToken: string }
  /** Build the phase's model with its initial weights. Answer: built. */
  | { readonly type: 'build'; readonly phase: Phase; readonly teacher: string | undefined }
  /** Choose over which of their addresses other members are reached. Answer: routed. */
  | { readonly type: 'route'; readonly generation: number; readonly peers: readonly Member[] }
  /** Choose anew over which of its addresses a worker is reached, when it is next needed. */
  | { readonly type: 'forgetRoute'; readonly meshAddress: string }
  /** Connect to the other members, at these addresses. Answer: greeted for each, then linked; or peerLost. */
  | ({ readonly type: 'link'; readonly addresses: readonly string[] } & Membership)
  /** Try to connect to workers. Answer: probed. */
  | { readonly type: 'probe'; readonly id: number; readonly workers: readonly Reach[] }
  /** Cut the links of all earlier generations, dropping data on the way. */
  | { readonly type: 'unlink'; readonly before: number }
  /** Get a checkpoint from the coordinator. Answer: fetched. */
  | { readonly type: 'fetchState'; readonly generation: number; readonly hash: string }
  /** Stream the training state to members that lag, with its hash. */
  | {
      readonly type: 'sendState';
      readonly generation: number;
      readonly training: TrainingState;
      readonly to: readonly number[];
    }
  /**
   * Adopt weights, optimiser and training state, if it is at this position; sealed bytes end with their SHA-256.
   * Answer: adopted or notAdopted.
   */
  | {
      readonly type: 'adopt';
      readonly generation: number;
      readonly held: Held;
      readonly bytes: Uint8Array;
      readonly isSealed: boolean;
    }
  /** Hash weights and state. Answer: hashed. */
  | { readonly type: 'hash'; readonly generation: number; readonly training: TrainingState }
  /**
   * Sum the contributions of each subtree's ranks to a step, or to a round that begins with it, into its buffer.
   * Answer: summed for each, then computed.
   */
  | {
      readonly type: 'compute';
      readonly generation: number;
      readonly step: number;
      readonly subtrees: readonly { readonly span: Span; readonly sum: Float32Array }[];
      /** Buffers for sums of right children, by depth. */
      readonly scratch: readonly Float32Array[];
    }
  /**
   * Take an optimiser step with the summed gradient. No answer, except failed with LOSS_NOT_FINITE if weights overflow.
   */
  | { readonly type: 'apply'; readonly step: number; readonly learningRate: number }
  /** Sum the metrics of rows [first, end) of a set per rank, and hash the weights. Answer: evaluated. */
  | {
      readonly type: 'evaluate';
      readonly generation: number;
      readonly set: SetName | undefined;
      readonly shares: ReadonlyMap<number, readonly [number, number]>;
    }
  /** Keep a copy of the weights, or restore it. No answer. */
  | { readonly type: 'keepBest' | 'restoreBest' | 'correctBiases' }
  /** Export the model. Answer: exported. */
  | { readonly type: 'export'; readonly generation: number }
  /** Copy the training state for a checkpoint, and send the copy over a separate link, opened by the key. No answer. */
  | { readonly type: 'captureState'; readonly id: number; readonly key: string; readonly training: TrainingState }
  | { readonly type: 'exit'; readonly error: ErrorRecord | undefined };

/** What the members of a generation agreed on. */
export interface Membership {
  readonly generation: number;
  readonly members: readonly Member[];
  readonly self: number;
  /** Number of each member's host, unless each has its own. */
  readonly hosts?: readonly number[] | undefined;
}

/** The ranks that this worker hosts in a generation. */
export function ownRanks({ members, self }: Membership): Span {
  const own = members[self];
  invariant(own, `member ${self} of ${members.length}`);
  return own.ranks;
}

/** Entering a generation: model, links and state must be complete. */
export interface Preparing extends Membership {
  readonly phase: Phase;
  readonly ops: number;
  /** Members that this worker sends its state to. */
  readonly donatesTo: readonly number[];
  /** The member that this worker gets its state from. */
  readonly healedBy: number | undefined;
  /** Present while this worker waits for its state. */
  readonly assembly: StateAssembly | undefined;
  readonly bytes: Uint8Array | undefined;
  /** Members that are linked with this one; undefined until it knows how they are reached. */
  readonly greeted: ReadonlySet<number> | undefined;
  /** Once all are linked: files that it shares with members of the same host. */
  readonly files: ReadonlyMap<number, number> | undefined;
  /** The effect that was requested last. */
  readonly asked: 'nothing' | 'donate' | 'adopt' | 'hash';
}

/** A member at work. */
export interface Running extends Membership {
  readonly phase: Phase;
  readonly layout: FlatLayout;
  readonly flatGradient: Float32Array;
  readonly collective: Collective;
  readonly task: Task;
  /** Whether this worker has contributed to the current operation. */
  readonly contributed: boolean;
  /** Micro-batches that its ranks have done of a round of steps. */
  readonly stepped: number;
  readonly weightsSha256: string;
}

export type Activity =
  | { readonly type: 'idle' }
  /** Stopped for a change of membership, or waiting for one: the step at which all stop is done, or a link broke. */
  | { readonly type: 'paused'; readonly reason: string; readonly isAdopting?: boolean }
  | ({ readonly type: 'preparing' } & Preparing)
  | ({ readonly type: 'ready' } & Running & { readonly hashes: { stateSha256: string; weightsSha256: string } })
  | ({ readonly type: 'running' | 'finished' } & Running)
  | { readonly type: 'failing'; readonly message: ToCoordinator & { type: 'failed' } }
  | { readonly type: 'stopped' };

export interface WorkerIdentity {
  /** Random, chosen by the process. */
  readonly instance: string;
  readonly version: string;
  readonly token: string;
  readonly host: string;
  /** How long to continue without a coordinator. */
  readonly patienceMs: number;
  readonly heartbeatTimeoutMs: number;
}

export interface WorkerState {
  readonly identity: WorkerIdentity;
  readonly link: 'down' | 'greeting' | 'up';
  readonly heardMs: number;
  /** When a heartbeat was last due. */
  readonly beatMs: number;
  /** When the coordinator was lost, or first looked for. */
  readonly awaySinceMs: number;
  readonly workerId: string;
  readonly term: number;
  readonly job: Job | undefined;
  readonly loaded: (WorkerEvent & { type: 'loaded' }) | undefined;
  /** Name of the phase whose model is being built. */
  readonly building: string | undefined;
  readonly built: (WorkerEvent & { type: 'built' }) | undefined;
  /** The position of weights and optimiser of the built phase. */
  readonly training: TrainingState | undefined;
  /** The newest known generation. */
  readonly generation: number;
  /** A generation that begins when all stop at the end of a step. */
  readonly boundary: number | undefined;
  /** How this worker reaches others, as far as it was chosen. */
  readonly routes: (ToCoordinator & { type: 'reached' })['routes'];
  readonly activity: Activity;
  readonly leaving: boolean;
  readonly lastProgressMs: number;
  /** Rises with everything that arrives; it shows the coordinator that a worker makes progress. */
  readonly progress: number;
  /** Mean time of a rank's micro-batch over the last seconds, how many steps were timed, and when the last one. */
  readonly rankMs: number | undefined;
  /**
   * Mean time from the end of its computation until the sum of all ranks was there, in a generation, over this many
   * steps; undefined without other members.
   */
  readonly exchange: { readonly generation: number; readonly steps: number; readonly ms: number } | undefined;
  readonly timedSteps: number;
  readonly computedMs: number;
  /** Mean time that a step waited for data, over the last seconds. */
  readonly dataMs: number | undefined;
  /**
   * How long each of this worker's steps of this phase waited for data, and for the sum of all ranks after its own were
   * computed.
   */
  readonly dataWaits: Durations;
  readonly exposures: Durations;
}

export interface Transition {
  readonly state: WorkerState;
  readonly effects: readonly WorkerEffect[];
}

export const send = (message: ToCoordinator): WorkerEffect => ({ type: 'send', message });
