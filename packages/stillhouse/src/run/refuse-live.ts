// A run that a process of this machine is at work on is not taken from it by accident.
import { hostname } from 'node:os';
import { formatSeconds, StillhouseError, type RunRecord } from '@stillhouse/core';
import { isRunning } from '@stillhouse/native';
import { liveStatus } from '../runs/status.js';

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
