// A run that a process of this machine is at work on is not taken from it by accident.
import { hostname } from 'node:os';
import { formatSeconds, StillhouseError, type RunRecord } from '@stillhouse/core';
import { liveStatus } from '../runs/status.js';

/** Whether this machine has a process with a number. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * A coordinator that has ended, hangs, or is on another machine, which may be cut off, can be replaced at once.
 * @throws StillhouseError RUN_ALIVE
 */
export function refuseLive(record: RunRecord, folder: string): void {
  const nowMs = Date.now();
  const live = liveStatus(record, folder, nowMs);
  if (!live || live.host !== hostname() || !isRunning(live.pid)) return;
  const heard = formatSeconds(Math.max(0, nowMs - Date.parse(live.at)) / 1000);
  throw new StillhouseError(
    'RUN_ALIVE',
    `the run in ${folder} is alive: process ${live.pid} of this machine is at work on it, last heard ${heard} ago`,
  );
}
