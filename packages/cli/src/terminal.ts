// Where commands print, and how they are interrupted.
import { exitCodes } from 'stillhouse';
import { Progress, type Verbosity } from './progress.js';
import { Screen } from './screen.js';

const screen = new Screen({ out: process.stdout, err: process.stderr });

/** To standard output: results. */
export const printLine = (text: string): void => screen.printLine(text);
/** To standard error: everything else. */
export const reportLine = (text: string): void => screen.reportLine(text);

/** Shows the notices of a run as they arrive. */
export async function createProgress(verbosity: Verbosity): Promise<Progress> {
  if (verbosity !== 'quiet') await screen.enliven();
  return new Progress(screen, verbosity);
}

/** Signals within this time are one: a terminal and a program such as npm may both send it. */
const sameSignalMs = 1000;

/** SIGHUP comes when the terminal is closed, or the connection to its machine breaks. */
const interrupts = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `work` with a signal that Ctrl-C, SIGTERM and SIGHUP abort. Another one, later, ends the process at once,
 * whatever it does.
 */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  let firstMs = Infinity;
  const interrupt = (): void => {
    if (performance.now() - firstMs > sameSignalMs) process.exit(exitCodes.interrupted);
    firstMs = Math.min(firstMs, performance.now());
    abort.abort();
  };
  for (const name of interrupts) process.on(name, interrupt);
  try {
    return await work(abort.signal);
  } finally {
    for (const name of interrupts) process.off(name, interrupt);
  }
}
