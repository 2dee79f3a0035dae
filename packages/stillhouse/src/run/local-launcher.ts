// Workers as processes on this machine, each with its own log file.
import { randomBytes } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from '@stillhouse/core';
import { programs } from '../programs.js';
import { crashOf, reportFlags } from './crash.js';
import type { Launcher, LaunchTarget, WorkerExit, WorkerHandle, WorkerPlace } from './launcher.js';
import { settingsText } from './worker-settings.js';

/** Processes that run this package's worker; the default of `run`. */
export class LocalLauncher implements Launcher {
  readonly #children = new Set<ChildProcess>();
  #listener: (worker: WorkerHandle, exit: WorkerExit) => void = () => {};

  constructor(private readonly target: LaunchTarget) {}

  start(places: readonly WorkerPlace[]): Promise<WorkerHandle[]> {
    return Promise.resolve(places.map((place) => this.#start(place)));
  }

  onExit(listener: (worker: WorkerHandle, exit: WorkerExit) => void): void {
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    this.#listener = () => {};
    const running = (): ChildProcess[] =>
      [...this.#children].filter(
        (child) => child.pid !== undefined && child.exitCode === null && child.signalCode === null,
      );
    const exits = Promise.all(running().map((child) => new Promise((resolve) => child.once('exit', resolve))));
    await Promise.race([exits, delay(limits.shutdownGraceMs, undefined, { ref: false })]);
    for (const child of running()) child.kill('SIGKILL');
    await exits;
  }

  #start({ name, env }: WorkerPlace): WorkerHandle {
    const { coordinator, token, backend, network, heartbeatTimeoutMs } = this.target;
    const logFile = this.target.logFile(name);
    const worker = { name, instance: randomBytes(8).toString('hex') };
    // Its coordinator is its parent process: without it there is nothing to do.
    const settings = {
      coordinators: [coordinator],
      backend,
      mesh: network === undefined ? {} : { network },
      patienceMs: limits.managedPatienceMs,
      heartbeatTimeoutMs,
    };
    const descriptor = openSync(logFile, 'a');
    const child = spawn(
      process.execPath,
      [...reportFlags(dirname(logFile), name), programs.worker, settingsText(settings)],
      {
        stdio: ['ignore', descriptor, descriptor],
        env: { ...process.env, ...env, STILLHOUSE_TOKEN: token, STILLHOUSE_INSTANCE: worker.instance },
      },
    );
    closeSync(descriptor);
    this.#children.add(child);
    const what = `${name} (pid ${child.pid ?? 'none'})`;
    child.on('error', (error) => {
      this.#children.delete(child);
      this.#listener(worker, {
        type: 'failed',
        reason: `${what} could not be started: ${error.message}; its log is ${logFile}`,
      });
    });
    child.on('exit', (code, signal) => {
      this.#children.delete(child);
      const crash = crashOf(
        { code, signal },
        { folder: dirname(logFile), name, what: `${what}, whose log is ${logFile},` },
      );
      if (crash) return this.#listener(worker, { type: 'crashed', error: crash });
      if (code === 0) return this.#listener(worker, { type: 'left' });
      if (signal !== null) return this.#listener(worker, { type: 'killed', reason: `${what} was killed by ${signal}` });
      this.#listener(worker, {
        type: 'failed',
        reason: `${what} ended with exit code ${code}; its log is ${logFile}`,
      });
    });
    return worker;
  }
}
