// @stillhouse/core/cluster: the pure parts of a cluster: which rows and ranks are whose, the collective, messages, and
// the machines of coordinator and worker.
export { Collective, type Outgoing, type CollectiveOptions, type OpHeader } from './collective/collective.js';
export { codedBytes, codingOf, type Coding } from './collective/coding.js';
export {
  lossesOf,
  noteFailedStep,
  readAccount,
  slotsPerRank,
  type FlatLayout,
  type RankAccount,
} from './collective/flat-layout.js';
export {
  decodeHeader,
  encodeHeader,
  headerBytes,
  type FrameHeader,
  type Greeting,
  type MeshFrame,
} from './collective/frames.js';
export { nodeSums } from './collective/node-sums.js';
export { plainSumMemory, type SharedPart, type SumMemory } from './collective/sum-memory.js';
export { addInto, ranksLabel, ranksText, sumSubtree, treeHeight, type Span, type Leaves } from './collective/tree.js';
export {
  emptyHistory,
  replayJournal,
  type CheckpointRecord,
  type JournalRecord,
  type RunHistory,
  type KnownEpoch,
} from './coordinator/journal.js';
export { coordinatorTransition, initialCoordinatorState } from './coordinator/machine.js';
export {
  membersOf,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorNotice,
  type CoordinatorOptions,
  type CoordinatorState,
  type MembershipState,
  type WorkerInfo,
  type WorkerShare,
  type Worker,
  type PhaseProgress,
  type Probe,
  type Quarantine,
  type CheckpointState,
  type Interruption,
  type Accusation,
  type Transition as CoordinatorTransition,
  type Heartbeat,
} from './coordinator/state.js';
export type { StepTimes, WorkerTimes } from './coordinator/step-times.js';
export { countRows, emptyLedger, ledgerDigest, wholeLedger, type Ledger } from './order/ledger.js';
export {
  epochOrder,
  microBatchesOf,
  roundRowsOf,
  type EpochOrder,
  type MicroBatchRows,
  type Windows,
} from './order/order.js';
export type { RowIds, Segment } from './order/row.js';
export { dealDraws } from './order/sampling.js';
export {
  rankShare,
  roundRows,
  roundsPerEpoch,
  roundSteps,
  stepsPerEpoch,
  totalSteps,
  type Schedule,
} from './order/schedule.js';
export {
  decodeBlockAnswer,
  decodeBlockQuestion,
  decodeMeasureAnswer,
  decodeMeasureQuestion,
  decodeMeshHello,
  decodeToCoordinator,
  decodeToWorker,
  encodeMessage,
  protocolVersion,
  type BlockAnswer,
  type BlockQuestion,
  type Held,
  type MeasureAnswer,
  type MeasureQuestion,
  type MemoryOffer,
  type MeshHello,
  type Reach,
  type Route,
  type ToCoordinator,
  type ToWorker,
  type Member,
} from './wire/messages.js';
export {
  lengthOf,
  partAt,
  readTraining,
  stateFrames,
  trainingParts,
  type NamedBuffer,
  type StateAssembly,
} from './wire/training-file.js';
export {
  afterEpoch,
  afterStep,
  afterTest,
  initialTraining,
  nextTask,
  type TrainingState,
  type EpochEnd,
  type Task,
  type EpochReport,
} from './wire/training-state.js';
export type { Clock, FrameSink, Link, LinkBounds, Listener, Transport } from './wire/transport.js';
export type { Durations } from './worker/durations.js';
export { chooseRoute, routeText, unmeasuredText, type MeasuredAddress } from './worker/routes.js';
export { initialWorkerState, placeOfFrame, workerTransition } from './worker/machine.js';
export { notFiniteIn, type NotFinite } from './worker/not-finite.js';
export type {
  Membership,
  WorkerEffect,
  WorkerEvent,
  WorkerIdentity,
  WorkerState,
  Activity,
  Transition as WorkerTransition,
  Preparing,
  Running,
} from './worker/state.js';
export type { BlockTracker } from './coordinator/block-tracker.js';
