// Where commands print, and how they are interrupted.
import type { CoordinatorNotice, Job } from 'stillhouse';
import { createProgress, type Progress } from './progress.js';

/** To standard output: results. */
export const printLine = (text: string): void => void process.stdout.write(`${text}\n`);
/** To standard error: everything else. */
export const reportLine = (text: string): void => void process.stderr.write(`${text}\n`);

/** Shows the notices of a run as they arrive. */
export class RunReporter {
  #progress: Progress | undefined;

  readonly onWarning = (text: string): void => reportLine(`warning: ${text}`);

  readonly onNotice = (notice: CoordinatorNotice, job: Job): void => {
    this.#progress ??= createProgress({
      isTerminal: process.stderr.isTTY === true,
      line: reportLine,
      stream: process.stderr,
    });
    this.#progress.onNotice(notice, job);
  };

  stop(): void {
    this.#progress?.stop();
  }
}

/** Runs `work` with a signal that Ctrl-C and SIGTERM abort. */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await work(abort.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
