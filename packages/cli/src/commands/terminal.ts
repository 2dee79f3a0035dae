// What the commands print and how they end early.
import { createProgress, type Progress } from '../progress.js';
import type { CoordinatorNotice, Job } from '@stillhouse/core';

export const printLine = (text: string): void => void process.stdout.write(`${text}\n`);
export const tellLine = (text: string): void => void process.stderr.write(`${text}\n`);

/** Shows notices of a run as they come. */
export class RunTeller {
  #progress: Progress | undefined;

  readonly onWarning = (text: string): void => tellLine(`warning: ${text}`);

  readonly onNotice = (notice: CoordinatorNotice, job: Job): void => {
    this.#progress ??= createProgress({
      isTerminal: process.stderr.isTTY === true,
      line: tellLine,
      stream: process.stderr,
    });
    this.#progress.onNotice(notice, job);
  };

  stop(): void {
    this.#progress?.stop();
  }
}

/** Calls back at Ctrl-C or SIGTERM while `work` runs. */
export async function withInterrupt<T>(onInterrupt: () => void, work: () => Promise<T>): Promise<T> {
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    return await work();
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}
