// The notices of a run as lines of text.
import {
  countOf,
  formatCount,
  formatMetric,
  formatMetricEstimate,
  formatMs,
  formatNumber,
  formatValue,
  incidentOf,
  phasePlan,
  phaseTitles,
  shownMetrics,
  type CoordinatorNotice,
  type EpochRecord,
  type Job,
  type WorkerShare,
} from 'stillhouse';

/** Workers that hold ranks. */
export const holdersOf = (members: readonly WorkerShare[]): number =>
  members.filter(({ ranks }) => ranks.hi > ranks.lo).length;

export const rateOf = (rowsPerSecond: number): string => `${formatCount(Math.round(rowsPerSecond))} rows/s`;

/** The validation metrics of an epoch that the recipe shows. */
export const validationOf = ({ validation }: EpochRecord, { recipe }: Job): string[] =>
  validation ? shownMetrics(recipe).map((name) => `validation ${name} ${formatMetric(name, validation[name])}`) : [];

function assigned(notice: CoordinatorNotice & { type: 'phaseAssigned' }, job: Job): string {
  const plan = phasePlan(job, notice.phase);
  const workers = countOf(holdersOf(notice.members), 'worker');
  const spares = notice.members.filter(({ ranks }) => ranks.hi === ranks.lo).map(({ workerId }) => workerId);
  const without = spares.length ? `; ${spares.join(', ')} without a rank` : '';
  if (notice.ops > 0) {
    const why = notice.cause === '' ? '' : ` (${notice.cause})`;
    return `${phaseTitles[notice.phase]}: continues ${notice.reason}, ${workers}${without}${why}`;
  }
  const where = notice.phase === 'teacher' ? `${countOf(plan.ranks, 'rank')} on ${workers}${without}` : 'on one worker';
  const rounds = plan.rounds === undefined ? '' : `, ${countOf(plan.rounds, 'exchange')} in all`;
  return (
    `${phaseTitles[notice.phase]}: ${countOf(plan.rows, 'row')}, ${countOf(plan.epochs, 'epoch')} of ` +
    `${countOf(plan.stepsPerEpoch, 'step')}${rounds}, ${where}`
  );
}

function tuned({ record }: CoordinatorNotice & { type: 'tuned' }): string {
  const { values, metric, mean, standardError, folds, trials, trainings } = record;
  const chosen = Object.entries(values)
    .map(([path, value]) => `${path} ${formatValue(value)}`)
    .join(', ');
  return (
    `tuned: ${chosen}: ${metric} ${formatMetricEstimate(metric, mean, standardError)} on ${countOf(folds, 'fold')}; ` +
    `${countOf(trials.length, 'trial')}, ${countOf(trainings, 'training')}`
  );
}

type StepTimes = CoordinatorNotice & { type: 'stepTimes' };

/** What to expect of the workers, compared with one of them. */
function speedup({ workers, computeMs, exchangeMs, aloneMs }: StepTimes['times']): string {
  const stepMs = computeMs + exchangeMs;
  return (
    `${countOf(workers.length, 'worker')}: about ${formatNumber(aloneMs / stepMs, 2)} times one (a step takes ` +
    `${formatMs(stepMs)}, of which ${formatMs(exchangeMs)} for the exchange; ` +
    `one worker would take ${formatMs(aloneMs)})`
  );
}

function timesLine({ phase, times }: StepTimes): string {
  const each = times.workers.map(
    ({ workerId, ranks, rankMs, exchangeMs }) =>
      `${workerId} computes for ${formatMs(ranks * rankMs)} and exchanges or waits for ${formatMs(exchangeMs)}`,
  );
  return `${phaseTitles[phase]}: ${speedup(times)}; per step, ${each.join('; ')}`;
}

function fewerWarning({ phase, times }: StepTimes): string | undefined {
  const { workers, computeMs, exchangeMs, fewer } = times;
  return (
    fewer &&
    `${phaseTitles[phase]}: ${countOf(fewer.workers, 'worker')} would be faster than ${workers.length}: a step takes ` +
      `${formatMs(computeMs + exchangeMs)}, of which it exchanges for ${formatMs(exchangeMs)}; it would take about ` +
      formatMs(fewer.stepMs)
  );
}

/** The line of a notice that is shown by default; undefined for the others. */
export function lineOf(notice: CoordinatorNotice, job: Job): string | undefined {
  switch (notice.type) {
    case 'joined': {
      const { worker, joined, wanted } = notice;
      const count = joined <= wanted ? `${joined} of ${wanted}` : joined;
      const choice = joined === 1 ? `\nbackend ${worker.choice}` : '';
      return `worker ${worker.workerId} on ${worker.host}: ${worker.fingerprint} (${count})${choice}`;
    }
    case 'left':
      return `worker ${notice.workerId} left: ${notice.reason || 'its connection closed'}`;
    case 'phaseAssigned':
      return assigned(notice, job);
    case 'waiting':
      return `waiting for ${notice.reason}`;
    case 'tuned':
      return tuned(notice);
    case 'stepTimes':
      return timesLine(notice);
    case 'phaseDone':
      return (
        `${phaseTitles[notice.record.phase]}: ${notice.record.stopped}, ${rateOf(notice.record.samplesPerSecond)}, ` +
        `weights ${notice.record.weightsSha256.slice(0, 16)}`
      );
    default:
      return undefined;
  }
}

/** The line of a notice about something wrong or slow. */
export function warningOf(notice: CoordinatorNotice): string | undefined {
  switch (notice.type) {
    case 'refused':
      return `a worker on ${notice.host} was refused: ${notice.error.code}: ${notice.error.message}`;
    case 'refusedMore':
      return `${notice.count} more workers were refused`;
    case 'silent':
    case 'slow':
    case 'stalling':
    case 'excluded':
    case 'blockSpoilt':
    case 'checkpointUnusable': {
      const { workerId, what } = incidentOf(notice)!;
      return `${workerId === undefined ? '' : `worker ${workerId} `}${what}`;
    }
    case 'notSaved':
      return `${notice.what} could not be written, training continues: ${notice.reason}`;
    case 'stepTimes':
      return fewerWarning(notice);
    case 'savedAgain':
      return `${notice.what} can be written again`;
    default:
      return undefined;
  }
}

/** The line of a notice that is shown with --verbose. */
export function detailOf(notice: CoordinatorNotice): string | undefined {
  switch (notice.type) {
    case 'pausing':
      return `generation ${notice.generation}: ${notice.reason}`;
    case 'resumed':
      return `${phaseTitles[notice.phase]}: generation ${notice.generation} begins after ${formatMs(notice.ms)}`;
    case 'phaseStarted':
      return (
        `${phaseTitles[notice.phase]}: ${countOf(notice.parameters, 'parameter')}, initial weights ` +
        notice.initialWeightsSha256.slice(0, 16)
      );
    case 'checkpoint':
      return `${phaseTitles[notice.record.phase]}: checkpoint of operation ${formatCount(notice.record.ops)}`;
    default:
      return undefined;
  }
}

export function epochLine({ record, phase }: CoordinatorNotice & { type: 'epoch' }, job: Job): string {
  return [
    `${phaseTitles[phase]}: epoch ${record.epoch + 1}/${phasePlan(job, phase).epochs}`,
    `loss ${formatNumber(record.trainLoss)}`,
    ...validationOf(record, job),
    rateOf(record.rows / Math.max(record.seconds, 1e-3)),
  ].join('  ');
}

/** A recipe that tunes nothing may still choose the epochs of its baseline. */
export const searchTitle = ({ recipe }: Job): string => (recipe.distill?.tune ? 'tuning' : 'cross-validation');

export const tuningLine = ({ what, done, planned }: CoordinatorNotice & { type: 'tuning' }, job: Job): string =>
  `${searchTitle(job)}: ${what}, ${done} of ${countOf(planned, 'training')}`;
