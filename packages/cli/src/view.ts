// The changing lines of a run on a terminal, as a pure function of its notices and the time.
import {
  countOf,
  formatCount,
  formatMs,
  formatNumber,
  formatSeconds,
  phasePlan,
  phaseTitles,
  type CoordinatorNotice,
  type EpochRecord,
  type Job,
  type PhaseName,
} from 'stillhouse';
import { holdersOf, rateOf, searchTitle, validationOf } from './notices.js';

/** How much was done at a time. */
interface Mark {
  readonly ms: number;
  readonly done: number;
}

export interface View {
  /** Undefined while nothing is trained. */
  readonly phase: PhaseName | undefined;
  readonly step: number;
  /** Loss of the newest step. */
  readonly loss: number | undefined;
  /** The newest finished epoch of the phase. */
  readonly epoch: EpochRecord | undefined;
  /** Workers that hold ranks; 0 if that is not known. */
  readonly workers: number;
  /** What the newest steps waited for the exchange, in milliseconds; undefined if nothing is exchanged. */
  readonly exchangeMs: number | undefined;
  readonly tuning: (CoordinatorNotice & { type: 'tuning' }) | undefined;
  /** Steps or trainings that were done here, since training last began; the rate is that of the last ones. */
  readonly marks: readonly Mark[];
}

export const emptyView: View = {
  phase: undefined,
  step: 0,
  loss: undefined,
  epoch: undefined,
  workers: 0,
  exchangeMs: undefined,
  tuning: undefined,
  marks: [],
};

/** The rate is the mean over about this time. */
const rateMs = 20_000;

const marked = (marks: readonly Mark[], mark: Mark): Mark[] => {
  const first = marks.findLastIndex(({ ms }) => ms <= mark.ms - rateMs);
  return [...marks.slice(Math.max(0, first)), mark];
};

/** Done per second; undefined before anything is known. */
function rate(marks: readonly Mark[]): number | undefined {
  const [first, last] = [marks.at(0), marks.at(-1)];
  return first && last && last.ms > first.ms && last.done > first.done
    ? (1000 * (last.done - first.done)) / (last.ms - first.ms)
    : undefined;
}

/** @param nowMs of a clock that only goes forward */
export function viewAfter(view: View, notice: CoordinatorNotice, { job, nowMs }: { job: Job; nowMs: number }): View {
  switch (notice.type) {
    case 'phaseAssigned':
      // What was done before counts neither for the rate nor for the time left.
      return {
        ...(notice.phase === view.phase ? view : emptyView),
        phase: notice.phase,
        workers: holdersOf(notice.members),
        marks: [],
      };
    case 'progress': {
      const { phase, step, loss = view.loss, exchangeMs } = notice;
      return { ...view, phase, step, loss, exchangeMs, marks: marked(view.marks, { ms: nowMs, done: step }) };
    }
    case 'epoch': {
      const { record, phase } = notice;
      // Epochs of an earlier coordinator, which workers report again, are not steps of this one.
      const step = Math.max(view.step, (record.epoch + 1) * phasePlan(job, phase).stepsPerEpoch);
      return { ...view, step, epoch: record, loss: record.trainLoss };
    }
    case 'tuning':
      return {
        ...emptyView,
        tuning: notice,
        marks: marked(view.tuning ? view.marks : [], { ms: nowMs, done: notice.done }),
      };
    case 'waiting':
      return { ...view, marks: [] };
    case 'tuned':
    case 'phaseDone':
      return emptyView;
    default:
      return view;
  }
}

const barCells = 24;

function bar(share: number): string {
  const filled = Math.min(barCells, Math.floor(share * barCells));
  return `${'█'.repeat(filled)}${'░'.repeat(barCells - filled)}`;
}

/** Parts next to each other, on as many lines as they need. */
function wrapped(parts: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + part.length < columns) lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(part);
  }
  return lines;
}

interface Course {
  readonly title: string;
  readonly done: number;
  readonly of: number;
  readonly perSecond: number | undefined;
}

const courseParts = ({ title, done, of, perSecond }: Course): string[] => [
  `${title}  ${bar(done / of)}  ${Math.floor((100 * done) / of)} %`,
  ...(perSecond === undefined ? [] : [`ETA ${formatSeconds((of - done) / perSecond)}`]),
];

/** @returns the lines that a view is shown as, each shorter than `columns`; none while nothing is trained */
export function viewLines(view: View, job: Job, columns: number): string[] {
  const { phase, tuning, step, loss, epoch, exchangeMs } = view;
  const perSecond = rate(view.marks);
  if (tuning) {
    const { done, planned, what } = tuning;
    return wrapped(
      [
        ...courseParts({ title: searchTitle(job), done, of: planned, perSecond }),
        `${formatCount(done)} of ${countOf(planned, 'training')}`,
        what,
      ],
      columns,
    );
  }
  if (phase === undefined) return [];
  const plan = phasePlan(job, phase);
  const current = Math.min(plan.epochs, Math.floor(step / plan.stepsPerEpoch) + 1);
  const course = { title: phaseTitles[phase], done: Math.min(step, plan.steps), of: plan.steps, perSecond };
  return [
    ...wrapped([...courseParts(course), `epoch ${current}/${plan.epochs}`], columns),
    ...wrapped(
      [
        ...(loss === undefined ? [] : [`loss ${formatNumber(loss)}`]),
        ...(epoch ? validationOf(epoch, job) : []),
        ...(perSecond === undefined ? [] : [rateOf((perSecond * plan.rows) / plan.stepsPerEpoch)]),
        ...(view.workers === 0 ? [] : [countOf(view.workers, 'worker')]),
        ...(exchangeMs === undefined ? [] : [`exchange ${formatMs(exchangeMs)}`]),
      ],
      columns,
    ),
  ];
}
