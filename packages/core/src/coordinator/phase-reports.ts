// What workers report of a phase: its epochs and its end.
import { expectedRowsDigest, phaseOf } from '../job/job.js';
import type { EpochRecord, PhaseRecord } from '../job/run-record.js';
import { ledgerDigest } from '../order/ledger.js';
import { roundsPerEpoch, stepsPerEpoch } from '../order/schedule.js';
import { tunedJob, type TunedValues } from '../tune/space.js';
import type { ToCoordinator } from '../wire/messages.js';
import {
  type CoordinatorEffect,
  type CoordinatorState,
  end,
  membersOf,
  notify,
  type Transition,
  type Worker,
  writeRecord,
} from './state.js';

const isMemberOf = ({ membership }: CoordinatorState, { workerId }: Worker): boolean =>
  membersOf(membership).some((member) => member.workerId === workerId);

export function onProgress(
  state: CoordinatorState,
  worker: Worker,
  { generation, step, loss }: ToCoordinator & { type: 'progress' },
): Transition {
  const { phase } = state;
  if (!phase || generation !== state.generation || !isMemberOf(state, worker)) return { state, effects: [] };
  const { beat } = worker;
  const exchangeMs = beat?.generation === generation ? beat.exchangeMs : undefined;
  const progress = {
    phase: phase.name,
    step,
    ...(loss === undefined ? {} : { loss }),
    ...(exchangeMs === undefined ? {} : { exchangeMs }),
  };
  return {
    state: { ...state, phase: { ...phase, step } },
    effects: [notify({ type: 'progress', ...progress })],
  };
}

/** Every member reports each epoch; the first report counts, the others must agree with it. */
export function onEpoch(
  state: CoordinatorState,
  worker: Worker,
  message: ToCoordinator & { type: 'epoch' },
  nowMs: number,
): Transition {
  const { phase } = state;
  if (!phase || message.phase !== phase.name || isDone(state) || !isMemberOf(state, worker))
    return { state, effects: [] };
  const { report } = message;
  const known = phase.epochs.at(report.epoch);
  if (known) {
    if (known.weightsSha256 === report.weightsSha256 || state.options.allowMixed) return { state, effects: [] };
    return end(state, {
      code: 'MODEL_DIVERGED',
      message:
        `after epoch ${report.epoch + 1} of the ${phase.name} the weights of ${worker.workerId} ` +
        `(${report.weightsSha256.slice(0, 12)}) are not those of the others (${known.weightsSha256.slice(0, 12)})`,
    });
  }
  // A report that was lost is sent again before this one counts.
  if (report.epoch > phase.epochs.length) return { state, effects: [] };
  const about = phaseOf(state.options.job, phase.name);
  const { rowCount, segments } = about.schedule;
  const expected = segments ? expectedRowsDigest(state.options.job, about, report.epoch) : phase.expectedRowsDigest;
  const digest = ledgerDigest(report.ledger);
  if (report.ledger.rows !== rowCount || digest !== expected) {
    return end(state, {
      code: 'LEDGER_BROKEN',
      message:
        `epoch ${report.epoch + 1} of the ${phase.name} did not use ` +
        `${segments ? 'the rows that it had to draw' : `each of ${rowCount} rows once`}: ${report.ledger.rows} ` +
        `rows, digest ${digest}, expected ${expected}`,
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
  const written = writeRecord(
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

export function onDone(state: CoordinatorState, worker: Worker, message: ToCoordinator & { type: 'done' }): Transition {
  const { phase, membership } = state;
  if (!phase || message.phase !== phase.name || membership.type !== 'running' || !isMemberOf(state, worker))
    return { state, effects: [] };
  // The model comes from the first member; one that another sends would only take memory.
  const { model, ...rest } = message;
  const kept = membership.members[0]?.workerId === worker.workerId && model ? { ...rest, model } : rest;
  return {
    state: { ...state, phase: { ...phase, done: new Map(phase.done).set(worker.workerId, kept) } },
    effects: [],
  };
}

/** The phase is over once all its members have reported its end, and every epoch has been reported. */
export function finishIfDone(state: CoordinatorState, nowMs: number): Transition {
  const { phase, membership } = state;
  if (!phase || membership.type !== 'running' || isDone(state)) return { state, effects: [] };
  const reports = membership.members.flatMap(({ workerId }) => {
    const done = phase.done.get(workerId);
    return done ? [{ workerId, done }] : [];
  });
  const [first] = reports;
  if (!first?.done.model || reports.length < membership.members.length) return { state, effects: [] };
  const { done: lead } = first;
  const { model } = first.done;
  const { schedule } = phaseOf(state.options.job, phase.name);
  const epochs = Math.ceil(lead.steps / stepsPerEpoch(schedule));
  if (phase.epochs.length < epochs) return { state, effects: [] };
  const other = state.options.allowMixed
    ? undefined
    : reports.find(({ done }) => done.weightsSha256 !== lead.weightsSha256);
  if (other)
    return end(state, {
      code: 'MODEL_DIVERGED',
      message:
        `at its end the ${phase.name} of ${first.workerId} (${lead.weightsSha256.slice(0, 12)}) is not that of ` +
        `${other.workerId} (${other.done.weightsSha256.slice(0, 12)})`,
    });
  // A phase may end in the millisecond in which it began; its rate must still be finite.
  const seconds = Math.max(1, nowMs - phase.startedMs) / 1000;
  const waitedMs = reports.reduce((sum, { done }) => sum + done.waitedMs, 0) / reports.length;
  const phaseRecord: PhaseRecord = {
    phase: phase.name,
    workers: membership.members.length,
    steps: lead.steps,
    ...(schedule.every === undefined ? {} : { rounds: epochs * roundsPerEpoch(schedule) }),
    samples: lead.samples,
    seconds,
    samplesPerSecond: lead.samples / seconds,
    stopped: lead.stopped,
    dataWait: { msPerStep: waitedMs / Math.max(1, lead.steps), share: waitedMs / 1000 / seconds },
    waits: reports.map(({ workerId, done: { waits: all } }) => ({ workerId, ...all })),
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
      membership: { type: 'saving', members: membership.members, model, record: phaseRecord },
    },
    effects: [{ type: 'saveModel', phase: phase.name, model, lastGood: false }],
  };
}

/** The model is on disk: the phase is over for good. */
export function onModelSaved(state: CoordinatorState, blob: string, nowMs: number): Transition {
  const { membership, phase } = state;
  if (membership.type !== 'saving' || !phase) return { state, effects: [] };
  const running = { type: 'running', members: membership.members, sinceMs: nowMs } as const;
  const written = writeRecord(
    {
      ...state,
      membership: running,
      checkpoint: { ...state.checkpoint, pending: undefined, lastMs: nowMs, epochs: 0, failures: 0 },
    },
    { type: 'phaseDone', record: membership.record, blob },
  );
  const old = state.history.checkpoints.map((each): CoordinatorEffect => ({ type: 'dropCheckpoint', record: each }));
  return {
    state: written.state,
    effects: [...written.effects, ...old, notify({ type: 'phaseDone', record: membership.record })],
  };
}

/** The student is trained with the values that a search has chosen. */
export function onTuned(state: CoordinatorState, values: TunedValues): Transition {
  if (state.history.tuned) return { state, effects: [] };
  const { options } = state;
  return writeRecord(
    { ...state, isTuning: false, options: { ...options, job: tunedJob(options.job, values) } },
    { type: 'tuned', values },
  );
}
