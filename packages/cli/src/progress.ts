// Shows a run: on a terminal with lines that change, elsewhere with plain lines. Both go to standard error.
import { phasePlan, type CoordinatorNotice, type Job } from 'stillhouse';
import { detailOf, epochLine, lineOf, tuningLine, warningOf } from './notices.js';
import type { Screen } from './screen.js';
import { emptyView, viewAfter, viewLines } from './view.js';

/** How much is reported: only warnings, the usual lines, or everything. */
export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** Epochs of a small set pass quickly, and so do trainings: one line per second is enough, plus always the last one. */
const lineEveryMs = 1000;
/** The changing lines are drawn this often. */
const drawEveryMs = 100;

export class Progress {
  #view = emptyView;
  #lineMs = -Infinity;
  #drawnMs = -Infinity;

  constructor(
    private readonly screen: Screen,
    private readonly verbosity: Verbosity,
    private readonly now: () => number = () => performance.now(),
  ) {}

  readonly onWarning = (text: string): void => this.screen.reportLine(`warning: ${text}`);

  /** @param job with the values that a search has chosen, once it has */
  readonly onNotice = (notice: CoordinatorNotice, job: Job): void => {
    const line = lineOf(notice, job) ?? (this.verbosity === 'verbose' ? detailOf(notice) : undefined);
    if (line !== undefined && this.verbosity !== 'quiet') this.screen.reportLine(line);
    const warning = warningOf(notice);
    if (warning !== undefined) this.onWarning(warning);
    if (this.verbosity === 'quiet') return;
    if (!this.screen.isLive || this.verbosity === 'verbose') this.#tell(notice, job);
    if (this.screen.isLive) this.#draw(notice, job);
  };

  /** Takes the changing lines away. */
  stop(): void {
    this.screen.show([]);
  }

  /** Reports, line by line, how training goes on. */
  #tell(notice: CoordinatorNotice, job: Job): void {
    if (notice.type === 'tuning') this.#line(notice.done === notice.planned, () => tuningLine(notice, job));
    if (notice.type === 'epoch')
      this.#line(notice.record.epoch + 1 === phasePlan(job, notice.phase).epochs, () => epochLine(notice, job));
  }

  #line(isLast: boolean, text: () => string): void {
    if (!isLast && this.verbosity !== 'verbose' && this.now() - this.#lineMs < lineEveryMs) return;
    this.#lineMs = this.now();
    this.screen.reportLine(text());
  }

  #draw(notice: CoordinatorNotice, job: Job): void {
    const nowMs = this.now();
    const before = this.#view;
    this.#view = viewAfter(before, notice, { job, nowMs });
    if (this.#view === before) return;
    const isFrequent = notice.type === 'progress' || notice.type === 'epoch' || notice.type === 'tuning';
    if (isFrequent && nowMs - this.#drawnMs < drawEveryMs) return;
    this.#drawnMs = nowMs;
    this.screen.show(viewLines(this.#view, job, this.screen.columns));
  }
}
