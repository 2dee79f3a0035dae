// Shows a run: on a terminal a bar with rate and time left, elsewhere plain lines. Both go to standard error.
import { SingleBar } from 'cli-progress';
import {
  formatMetric,
  incidentOf,
  phasePlan,
  shownMetrics,
  type CoordinatorNotice,
  type Job,
  type PhaseName,
  type PhasePlan,
} from 'stillhouse';

export interface Progress {
  /** @param job with the values that a search has chosen, once it has */
  onNotice(notice: CoordinatorNotice, job: Job): void;
  stop(): void;
}

export interface ProgressTarget {
  readonly isTerminal: boolean;
  readonly line: (text: string) => void;
  /** The stream that the bar is drawn on. */
  readonly stream: NodeJS.WritableStream;
}

const titles: Record<PhaseName, string> = { teacher: 'teacher', student: 'student', baseline: 'student (baseline)' };

/** The line for a notice that deserves one, on a terminal or elsewhere. */
function lineOf(notice: CoordinatorNotice, job: Job): string | undefined {
  switch (notice.type) {
    case 'joined': {
      const { worker, joined, wanted } = notice;
      const count = joined <= wanted ? `${joined} of ${wanted}` : joined;
      const choice = joined === 1 ? `\nbackend ${worker.choice}` : '';
      return `worker ${worker.workerId} on ${worker.host}: ${worker.fingerprint} (${count})${choice}`;
    }
    case 'refused':
      return `a worker on ${notice.host} was refused: ${notice.error.code}: ${notice.error.message}`;
    case 'left':
      return `worker ${notice.workerId} left: ${notice.reason || 'its connection closed'}`;
    case 'phaseAssigned': {
      const plan = phasePlan(job, notice.phase);
      const holders = notice.members.filter(({ ranks }) => ranks.hi > ranks.lo).length;
      const workers = `${holders} ${holders === 1 ? 'worker' : 'workers'}`;
      if (notice.ops > 0) return `${titles[notice.phase]}: continues ${notice.reason}, ${workers}`;
      const spares = notice.members.filter(({ ranks }) => ranks.hi === ranks.lo).map(({ workerId }) => workerId);
      const where =
        notice.phase === 'teacher'
          ? `${plan.ranks} ranks on ${workers}${spares.length ? `; ${spares.join(', ')} without a rank` : ''}`
          : 'on one worker';
      return (
        `${titles[notice.phase]}: ${plan.rows.toLocaleString('en-US')} rows, ${plan.epochs} epochs of ` +
        `${plan.stepsPerEpoch} steps, ${where}`
      );
    }
    case 'waiting':
      return `waiting for ${notice.reason}`;
    case 'silent':
    case 'slow':
    case 'stalling':
    case 'excluded':
    case 'blockSpoilt':
    case 'checkpointUnusable': {
      const { workerId, what } = incidentOf(notice)!;
      return `warning: ${workerId === undefined ? '' : `worker ${workerId} `}${what}`;
    }
    case 'notSaved':
      return `warning: ${notice.what} could not be written, training continues: ${notice.reason}`;
    case 'tuned': {
      const { values, metric, mean, standardError, folds, trials, trainings } = notice.record;
      const chosen = Object.entries(values)
        .map(([path, value]) => `${path} ${value}`)
        .join(', ');
      return (
        `tuned: ${chosen}: ${metric} ${formatMetric(metric, mean)} ± ${standardError.toPrecision(2)} on ${folds} ` +
        `folds; ${trials.length} trials, ${trainings} trainings`
      );
    }
    case 'savedAgain':
      return `warning: ${notice.what} can be written again`;
    case 'phaseDone':
      return (
        `${titles[notice.record.phase]}: ${notice.record.stopped}, ` +
        `${Math.round(notice.record.samplesPerSecond).toLocaleString('en-US')} rows/s, weights ` +
        `${notice.record.weightsSha256.slice(0, 16)}`
      );
    default:
      return undefined;
  }
}

function epochLine(notice: CoordinatorNotice & { type: 'epoch' }, job: Job): string {
  const { record, phase } = notice;
  const { epochs } = phasePlan(job, phase);
  const watched =
    record.validation &&
    shownMetrics(job.recipe).map((name) => `validation ${name} ${formatMetric(name, record.validation![name])}`);
  const rate = Math.round(record.rows / Math.max(record.seconds, 1e-3)).toLocaleString('en-US');
  return [
    `${titles[phase]}: epoch ${record.epoch + 1}/${epochs}`,
    `loss ${record.trainLoss.toFixed(5)}`,
    ...(watched ?? []),
    `${rate} rows/s`,
  ].join('  ');
}

class PlainProgress implements Progress {
  #shownMs = -Infinity;

  constructor(
    private readonly line: (text: string) => void,
    private readonly now: () => number,
  ) {}

  onNotice(notice: CoordinatorNotice, job: Job): void {
    const text = lineOf(notice, job);
    if (text) this.line(text);
    // Epochs of a small set pass quickly, and so do trainings: one line per second is enough, plus always the last one.
    if (notice.type === 'tuning')
      this.#now(
        notice.done === notice.planned,
        () => `tuning: ${notice.what}, ${notice.done} of ${notice.planned} trainings`,
      );
    if (notice.type === 'epoch')
      this.#now(notice.record.epoch + 1 === phasePlan(job, notice.phase).epochs, () => epochLine(notice, job));
  }

  #now(isLast: boolean, text: () => string): void {
    if (!isLast && this.now() - this.#shownMs < 1000) return;
    this.#shownMs = this.now();
    this.line(text());
  }

  stop(): void {}
}

class BarProgress implements Progress {
  #bar: SingleBar | undefined;
  #plan: PhasePlan | undefined;
  #startedMs = 0;

  constructor(private readonly target: ProgressTarget) {}

  onNotice(notice: CoordinatorNotice, job: Job): void {
    if (notice.type === 'phaseStarted') this.#start(notice.phase, job);
    if (notice.type === 'tuning') this.#tuning(notice);
    if (notice.type === 'tuned') this.stop();
    if (notice.type === 'progress') this.#update(notice.step, notice.loss);
    if (notice.type === 'epoch' && this.#plan)
      this.#update((notice.record.epoch + 1) * this.#plan.stepsPerEpoch, notice.record.trainLoss);
    if (notice.type === 'phaseDone') this.stop();
    const text = lineOf(notice, job);
    if (text) this.target.line(text);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #tuning({ done, planned, what }: CoordinatorNotice & { type: 'tuning' }): void {
    if (!this.#bar) {
      this.#bar = new SingleBar({
        format: `${'tuning'.padEnd(18)} {bar} {value}/{total} trainings  {what}  ETA {eta_formatted}`,
        stream: this.target.stream,
        hideCursor: true,
      });
      this.#bar.start(planned, done, { what });
    }
    this.#bar.setTotal(planned);
    this.#bar.update(done, { what });
  }

  #start(name: PhaseName, job: Job): void {
    this.#plan = phasePlan(job, name);
    this.#bar = new SingleBar({
      format:
        `${titles[name].padEnd(18)} {bar} {percentage}%  {rows} rows  {rate} rows/s  loss {loss}  ETA ` +
        '{eta_formatted}',
      stream: this.target.stream,
      hideCursor: true,
      etaBuffer: 50,
    });
    this.#startedMs = performance.now();
    this.#bar.start(this.#plan.steps, 0, { rows: 0, rate: '-', loss: '-' });
  }

  #update(step: number, loss: number): void {
    if (!this.#bar || !this.#plan) return;
    const rows = step * this.#plan.batch;
    const seconds = Math.max(1e-3, (performance.now() - this.#startedMs) / 1000);
    this.#bar.update(step, {
      rows: rows.toLocaleString('en-US'),
      rate: Math.round(rows / seconds).toLocaleString('en-US'),
      loss: Number.isFinite(loss) ? loss.toFixed(5) : 'not finite',
    });
  }
}

export function createProgress(target: ProgressTarget): Progress {
  return target.isTerminal ? new BarProgress(target) : new PlainProgress(target.line, () => performance.now());
}
