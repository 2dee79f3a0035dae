// Distinguishes a process that ended by itself, for example for lack of memory, from one that its machine or user
// ended.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ErrorRecord } from '@stillhouse/core';

/** Signals that a process causes itself. */
const ownSignals: readonly string[] = ['SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV', 'SIGTRAP'];

/** Flags with which Node leaves a report if a process dies by itself, as V8 does without memory. */
export const reportFlags = (folder: string, name: string): string[] => [
  '--report-on-fatalerror',
  `--report-directory=${folder}`,
  `--report-filename=${name}.report.json`,
];

/** The part of Node's report that says why a process died. */
const reportSchema = z.object({
  header: z.object({ trigger: z.string(), event: z.string() }).partial().optional(),
  javascriptStack: z
    .object({ message: z.string(), stack: z.array(z.string()) })
    .partial()
    .optional(),
});

/** What a report says; undefined without one. */
function readReport(path: string): { reason: string; stack: string } | undefined {
  try {
    const { header, javascriptStack } = reportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    // V8 has no stack to report if its heap is full.
    const stack = [javascriptStack?.message ?? '', ...(javascriptStack?.stack ?? [])].filter(
      (line) => line && line !== 'No stack.' && line !== 'Unavailable.',
    );
    return { reason: header?.event ?? header?.trigger ?? 'a fatal error', stack: stack.join('\n') };
  } catch {
    return undefined;
  }
}

/**
 * Why a worker's process ended, if it did so by itself.
 * @param at the place where reportFlags left its report
 */
export function crashOf(
  exit: { code: number | null; signal: NodeJS.Signals | null },
  at: { folder: string; name: string; what: string },
): ErrorRecord | undefined {
  // V8 ends with 134 if it cannot raise a signal, as in some containers.
  const byItself =
    (exit.signal !== null && ownSignals.includes(exit.signal)) ||
    (exit.code !== null && exit.code >= 128 && exit.code !== 130 && exit.code !== 137 && exit.code !== 143);
  if (!byItself) return undefined;
  const path = join(at.folder, `${at.name}.report.json`);
  const report = readReport(path);
  rmSync(path, { force: true });
  const how = exit.signal ? `was killed by ${exit.signal}` : `ended with exit code ${exit.code}`;
  return {
    code: 'WORKER_CRASHED',
    message: `${at.what} ${how}${report ? `: ${report.reason}` : ''}`,
    ...(report?.stack ? { stack: report.stack } : {}),
  };
}
