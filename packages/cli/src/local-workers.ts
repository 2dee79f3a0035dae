// Worker processes on this machine, each with its own log file. They end when their coordinator does.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { limits, type ErrorRecord } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import type { Session } from './session.js';

const mainFile = fileURLToPath(new URL('./main.js', import.meta.url));

/** Leaves the coordinator time to hear of a loss over the wire, where the reason is better known. */
const exitNoticeDelayMs = 500;

function startWorker(session: Session, index: number, worker: { backend: BackendName; env: NodeJS.ProcessEnv }): ChildProcess {
  const logFile = session.folder.logFile(`worker-${index + 1}`);
  const descriptor = openSync(logFile, 'a');
  const child = spawn(process.execPath, [mainFile, 'worker', '--coordinator', session.address, '--backend', worker.backend, '--managed'], {
    stdio: ['ignore', descriptor, descriptor],
    env: { ...process.env, ...worker.env, STILLHOUSE_TOKEN: session.token },
  });
  closeSync(descriptor);
  const lost = (how: string): void => {
    const error: ErrorRecord = { code: 'WORKER_LOST', message: `worker process ${index + 1} (pid ${child.pid ?? 'none'}) ${how}; its log is ${logFile}` };
    setTimeout(() => session.interrupt(error), exitNoticeDelayMs).unref();
  };
  child.on('error', (error) => lost(`could not be started: ${error.message}`));
  child.on('exit', (code, signal) => lost(signal ? `was ended by ${signal}` : `ended with exit code ${code}`));
  return child;
}

export class LocalWorkers {
  readonly #children: ChildProcess[];

  /** @param environments what each worker's environment has beyond this one's */
  constructor(session: Session, environments: readonly NodeJS.ProcessEnv[], backend: BackendName) {
    this.#children = environments.map((env, index) => startWorker(session, index, { backend, env }));
  }

  /** Waits until all have ended; those that take too long are killed. */
  async stop(): Promise<void> {
    const running = (): ChildProcess[] => this.#children.filter((child) => child.pid !== undefined && child.exitCode === null && child.signalCode === null);
    const exits = Promise.all(running().map((child) => new Promise((resolve) => child.once('exit', resolve))));
    await Promise.race([exits, delay(limits.shutdownGraceMs, undefined, { ref: false })]);
    for (const child of running()) child.kill('SIGKILL');
    await exits;
  }
}
