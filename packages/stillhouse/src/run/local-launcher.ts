// Worker processes on this machine, each with its own log file. One that is killed is started again; one that crashes by
// itself would crash again, and ends the run. They end when their coordinator does.
import { randomBytes } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { limits } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { crashOf, reportFlags } from './crash.js';
import type { Session } from './host.js';

const mainFile = fileURLToPath(import.meta.resolve('@stillhouse/cli'));

/** Leaves the coordinator time to hear of a loss over the wire, where the reason is better known. */
const exitNoticeDelayMs = 500;

export class LocalWorkers {
  readonly #children = new Map<number, ChildProcess>();
  /** Workers that are about to be started again. */
  #restarting = 0;
  #isStopping = false;

  /** @param environments what each worker's environment has beyond this one's */
  constructor(
    private readonly session: Session,
    private readonly environments: readonly NodeJS.ProcessEnv[],
    private readonly backend: BackendName,
  ) {
    environments.forEach((_, index) => this.#start(index, 0));
  }

  #start(index: number, restarts: number): void {
    const { session, backend } = this;
    const name = `worker-${index + 1}`;
    const logFile = session.folder.logFile(name);
    const instance = randomBytes(8).toString('hex');
    const descriptor = openSync(logFile, 'a');
    const child = spawn(
      process.execPath,
      [
        ...reportFlags(dirname(logFile), name),
        mainFile,
        'worker',
        '--coordinator',
        session.address,
        '--backend',
        backend,
        '--managed',
      ],
      {
        stdio: ['ignore', descriptor, descriptor],
        env: {
          ...process.env,
          ...this.environments[index],
          STILLHOUSE_TOKEN: session.token,
          STILLHOUSE_INSTANCE: instance,
        },
      },
    );
    closeSync(descriptor);
    this.#children.set(index, child);
    const what = `worker process ${index + 1} (pid ${child.pid ?? 'none'})`;
    child.on('error', (error) => this.#giveUp(`${what} could not be started: ${error.message}; its log is ${logFile}`));
    child.on('exit', (code, signal) => {
      this.#children.delete(index);
      if (this.#isStopping) return;
      const crash = crashOf(
        { code, signal },
        { folder: dirname(logFile), name, what: `${what}, whose log is ${logFile},` },
      );
      if (crash) return session.crashed(instance, crash);
      // One that was told to leave has left; one that ended with an error has told the coordinator why.
      if (code === 0) return this.#endIfNoneIsLeft();
      if (signal === null) return this.#giveUp(`${what} ended with exit code ${code}; its log is ${logFile}`);
      session.log(`${what} was ended by ${signal}`);
      if (restarts < limits.workerRestarts) this.#restart(index, restarts + 1);
      else this.#endIfNoneIsLeft();
    });
  }

  #restart(index: number, restarts: number): void {
    this.#restarting += 1;
    setTimeout(() => {
      this.#restarting -= 1;
      if (!this.#isStopping) this.#start(index, restarts);
    }, limits.workerRestartMs).unref();
  }

  #giveUp(message: string): void {
    setTimeout(() => this.session.interrupt({ code: 'WORKER_LOST', message }), exitNoticeDelayMs).unref();
  }

  #endIfNoneIsLeft(): void {
    if (this.#children.size + this.#restarting === 0) this.#giveUp('no worker process is left');
  }

  /** Waits until all have ended; those that take too long are killed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const running = (): ChildProcess[] =>
      [...this.#children.values()].filter(
        (child) => child.pid !== undefined && child.exitCode === null && child.signalCode === null,
      );
    const exits = Promise.all(running().map((child) => new Promise((resolve) => child.once('exit', resolve))));
    await Promise.race([exits, delay(limits.shutdownGraceMs, undefined, { ref: false })]);
    for (const child of running()) child.kill('SIGKILL');
    await exits;
  }
}
