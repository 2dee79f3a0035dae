// What workers report of a phase: epochs, its end, and the states that become checkpoints.
import { expectedRowsDigest, phaseOf } from '../job/job.js';
import { limits } from '../error/limits.js';
import { smallerIsBetter } from '../metric/metrics.js';
import { ledgerDigest } from '../order/ledger.js';
import type { EpochRecord, PhaseRecord } from '../job/run-record.js';
import {
  end,
  membersOf,
  notify,
  andThen,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorState,
  type CoordinatorStep,
  type Worker,
} from './state.js';
import { remember, type JournalRecord } from './journal.js';
import { stepsPerEpoch } from '../order/schedule.js';
import { tunedJob, type TunedValues } from '../tune/space.js';
import { leaverToSave } from './membership-change.js';
import type { ToCoordinator } from '../wire/messages.js';

/** Writes a record down and remembers it. */
export function record(state: CoordinatorState, entry: JournalRecord): CoordinatorStep {
  const history = remember(state.history, entry);
  const gone = state.history.checkpoints
    .filter((each) => !history.checkpoints.includes(each))
    .map(({ sha256 }) => sha256);
  return {
    state: { ...state, history, retired: new Set([...state.retired, ...gone]) },
    effects: [{ type: 'journal', record: entry }],
  };
}

/** Every member reports each epoch; the first report counts, the others must agree with it. */
export function onEpoch(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'epoch' },
  nowMs: number,
): CoordinatorStep {
  const { phase } = state;
  if (!phase || message.phase !== phase.name || isDone(state)) return { state, effects: [] };
  const { report } = message;
  const known = phase.epochs.at(report.epoch);
  if (known) {
    if (known.weightsSha256 === report.weightsSha256 || state.options.allowMixed) return { state, effects: [] };
    return end(state, {
      code: 'MODEL_DIVERGED',
      message: `after epoch ${report.epoch} of the ${phase.name} the weights of ${worker.workerId} (${report.weightsSha256.slice(0, 12)}) are not those of the others (${known.weightsSha256.slice(0, 12)})`,
    });
  }
  // One that was lost on the way is sent again before this one counts.
  if (report.epoch > phase.epochs.length) return { state, effects: [] };
  const about = phaseOf(state.options.job, phase.name);
  const { rowCount, segments } = about.schedule;
  const expected = segments ? expectedRowsDigest(state.options.job, about, report.epoch) : phase.expectedRowsDigest;
  const digest = ledgerDigest(report.ledger);
  if (report.ledger.rows !== rowCount || digest !== expected) {
    return end(state, {
      code: 'LEDGER_BROKEN',
      message: `epoch ${report.epoch} of the ${phase.name} did not use ${segments ? 'the rows that it was to draw' : `each of ${rowCount} rows once`}: ${report.ledger.rows} rows, digest ${digest}, expected ${expected}`,
    });
  }
  const epoch: EpochRecord = {
    epoch: report.epoch,
    rows: report.ledger.rows,
    rowsDigest: digest,
    trainLoss: report.trainLoss,
    learningRate: report.learningRate,
    ...(report.validation ? { validation: report.validation } : {}),
    seconds: (nowMs - phase.epochStartedMs) / 1000,
  };
  const { weightsSha256 } = report;
  const written = record(
    {
      ...state,
      phase: { ...phase, epochs: [...phase.epochs, { record: epoch, weightsSha256 }], epochStartedMs: nowMs },
    },
    { type: 'epoch', phase: phase.name, weightsSha256, record: epoch },
  );
  return {
    state: written.state,
    effects: [...written.effects, notify({ type: 'epoch', phase: phase.name, record: epoch })],
  };
}

const isDone = ({ history, phase }: CoordinatorState): boolean =>
  history.done.some(({ record: { phase: name } }) => name === phase?.name);

export function onDone(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'done' },
): CoordinatorStep {
  const { phase, membership } = state;
  if (!phase || message.phase !== phase.name || membership.kind !== 'running') return { state, effects: [] };
  return {
    state: { ...state, phase: { ...phase, done: new Map(phase.done).set(worker.workerId, message) } },
    effects: [],
  };
}

/** The phase is over once all its members say so, and every epoch has been reported. */
export function finishIfDone(state: CoordinatorState, nowMs: number): CoordinatorStep {
  const { phase, membership } = state;
  if (!phase || membership.kind !== 'running' || isDone(state)) return { state, effects: [] };
  const reports = membership.members.flatMap(({ workerId }) => {
    const done = phase.done.get(workerId);
    return done ? [{ workerId, done }] : [];
  });
  const [first] = reports;
  if (!first?.done.model || reports.length < membership.members.length) return { state, effects: [] };
  const { done: lead } = first;
  const { model } = first.done;
  if (phase.epochs.length < Math.ceil(lead.steps / stepsPerEpoch(phaseOf(state.options.job, phase.name).schedule)))
    return { state, effects: [] };
  const other = state.options.allowMixed
    ? undefined
    : reports.find(({ done }) => done.weightsSha256 !== lead.weightsSha256);
  if (other)
    return end(state, {
      code: 'MODEL_DIVERGED',
      message: `at its end the ${phase.name} of ${first.workerId} (${lead.weightsSha256.slice(0, 12)}) is not that of ${other.workerId} (${other.done.weightsSha256.slice(0, 12)})`,
    });
  const seconds = (nowMs - phase.startedMs) / 1000;
  const waitedMs = reports.reduce((sum, { done }) => sum + done.waitedMs, 0) / reports.length;
  const phaseRecord: PhaseRecord = {
    phase: phase.name,
    workers: membership.members.length,
    steps: lead.steps,
    samples: lead.samples,
    seconds,
    samplesPerSecond: lead.samples / seconds,
    stopped: lead.stopped,
    dataWait: { msPerStep: waitedMs / Math.max(1, lead.steps), share: waitedMs / 1000 / seconds },
    expectedRowsDigest: phase.expectedRowsDigest,
    epochs: phase.epochs.map((each) => each.record),
    test: lead.test,
    parameters: model.parameters,
    bytes: model.data.length,
    weightsSha256: lead.weightsSha256,
    ...(lead.calibration ? { calibration: lead.calibration } : {}),
    ...(lead.teacherTest ? { teacherTest: lead.teacherTest } : {}),
  };
  return {
    state: {
      ...state,
      membership: { kind: 'saving', members: membership.members, model, record: phaseRecord },
    },
    effects: [{ type: 'saveModel', phase: phase.name, model, lastGood: false }],
  };
}

/** The model is on disk: the phase is over for good. */
export function onModelSaved(state: CoordinatorState, blob: string, nowMs: number): CoordinatorStep {
  const { membership, phase } = state;
  if (membership.kind !== 'saving' || !phase) return { state, effects: [] };
  const running = { kind: 'running', members: membership.members, sinceMs: nowMs } as const;
  const written = record(
    {
      ...state,
      membership: running,
      checkpoint: { ...state.checkpoint, pending: undefined, lastMs: nowMs, epochs: 0 },
    },
    { type: 'phaseDone', record: membership.record, blob },
  );
  const old = state.history.checkpoints.map((each): CoordinatorEffect => ({ type: 'dropCheckpoint', record: each }));
  return {
    state: written.state,
    effects: [...written.effects, ...old, notify({ type: 'phaseDone', record: membership.record })],
  };
}

/** The student is trained with the numbers that a search has chosen. */
export function onTuned(state: CoordinatorState, values: TunedValues): CoordinatorStep {
  if (state.history.tuned) return { state, effects: [] };
  const { options } = state;
  return record(
    { ...state, isTuning: false, options: { ...options, job: tunedJob(options.job, values) } },
    { type: 'tuned', values },
  );
}

// Checkpoints.

/** Whether the newest epoch has the best validation so far. */
function isBest(state: CoordinatorState): boolean {
  const { phase, options } = state;
  const metric = phaseOf(options.job, phase!.name).earlyStopping?.metric ?? 'loss';
  const sign = smallerIsBetter(metric) ? 1 : -1;
  const scores = phase!.epochs.map(({ record: { validation } }) => sign * (validation?.[metric] ?? NaN));
  return scores.length > 0 && scores.every((score) => score >= scores.at(-1)!);
}

/** Takes a checkpoint when its time has come, sooner after an epoch that is the best so far, or of a worker that has to go. */
export function checkpointIfDue(state: CoordinatorState, nowMs: number): CoordinatorStep {
  const { checkpoint, membership, options, phase } = state;
  if (checkpoint.pending || !phase) return { state, effects: [] };
  const leaver = leaverToSave(state);
  const worker = leaver ?? checkpointSource(state);
  if (!worker) return { state, effects: [] };
  const waitedMs = nowMs - checkpoint.lastMs;
  const bestIsNew =
    phase.epochs.length > checkpoint.epochs && waitedMs >= options.checkpointEveryMs / 4 && isBest(state);
  const isDue = membership.kind === 'running' && (waitedMs >= options.checkpointEveryMs || bestIsNew);
  // One that failed, as on a full disk, is tried again after a while.
  const mustSave = leaver !== undefined && waitedMs >= limits.resendMs;
  if (!isDue && !mustSave) return { state, effects: [] };
  const id = checkpoint.nextId;
  return {
    state: {
      ...state,
      checkpoint: { nextId: id + 1, pending: { id, link: worker.link }, lastMs: nowMs, epochs: phase.epochs.length },
    },
    effects: [{ type: 'takeCheckpoint', link: worker.link, id }],
  };
}

/** The last member: the first has most to do already. */
function checkpointSource(state: CoordinatorState): Worker | undefined {
  const last = membersOf(state.membership).at(-1);
  return (
    last &&
    [...state.workers.values()].find(({ workerId, beat }) => workerId === last.workerId && beat?.stage === 'running')
  );
}

export function onCheckpointTaken(
  state: CoordinatorState,
  event: CoordinatorEvent & { type: 'checkpointTaken' },
): CoordinatorStep {
  const { checkpoint, phase } = state;
  if (checkpoint.pending?.id !== event.id) return { state, effects: [] };
  const idle = { ...state, checkpoint: { ...checkpoint, pending: undefined } };
  if (!phase || event.held.phase !== phase.name) return { state: idle, effects: [] };
  const { held, sha256, bytes } = event;
  // The same state as before: nobody has come further.
  if (state.history.checkpoints.some((each) => each.sha256 === sha256)) return { state: idle, effects: [] };
  const entry = {
    phase: phase.name,
    ops: held.ops,
    sha256,
    bytes,
    best: isBest(state) && checkpoint.epochs === phase.epochs.length,
  };
  const written = andThen(record(idle, { type: 'checkpoint', record: entry }), dropOldCheckpoints);
  return { state: written.state, effects: [...written.effects, notify({ type: 'checkpoint', record: entry })] };
}

/** Keeps the last ones and the newest of the best ones. */
function dropOldCheckpoints(state: CoordinatorState): CoordinatorStep {
  const { checkpoints } = state.history;
  const best = checkpoints.findLast((each) => each.best);
  const old = checkpoints.slice(0, -limits.checkpointsKept).filter((each) => each !== best);
  return old.reduce<CoordinatorStep>(
    (step, each) =>
      andThen(step, (next) => {
        const dropped = record(next, { type: 'checkpointDropped', sha256: each.sha256 });
        return { state: dropped.state, effects: [...dropped.effects, { type: 'dropCheckpoint', record: each }] };
      }),
    { state, effects: [] },
  );
}

/** The one before it is used instead. */
export function onCheckpointUnusable(
  state: CoordinatorState,
  { sha256, reason }: CoordinatorEvent & { type: 'checkpointUnusable' },
): CoordinatorStep {
  const dropped = record(state, { type: 'checkpointDropped', sha256 });
  return {
    state: dropped.state,
    effects: [...dropped.effects, notify({ type: 'checkpointUnusable', sha256, reason })],
  };
}

export function onCheckpointFailed(
  state: CoordinatorState,
  event: CoordinatorEvent & { type: 'checkpointFailed' },
): CoordinatorStep {
  if (state.checkpoint.pending?.id !== event.id) return { state, effects: [] };
  const effects: CoordinatorEffect[] = [notify({ type: 'notSaved', what: 'a checkpoint', reason: event.reason })];
  return { state: { ...state, checkpoint: { ...state.checkpoint, pending: undefined } }, effects };
}
