// Keeps a run's own workers running: a worker that is killed is restarted; a worker that crashes by itself would crash
// again, so it ends the run.
import { limits } from '@stillhouse/core';
import type { RunHost } from './host.js';
import type { Launcher, WorkerExit, WorkerHandle, WorkerPlace } from './launcher.js';

/** Gives the coordinator time to learn of a loss over the wire, where the reason is better known. */
const exitNoticeDelayMs = 500;

export class WorkerKeeper {
  /** How often the worker with each name was restarted. */
  readonly #restarts = new Map<string, number>();
  /** Workers that run, or are about to be restarted. */
  #living = 0;
  #isStopping = false;

  constructor(
    private readonly host: Pick<RunHost, 'log' | 'interrupt' | 'crashed'>,
    private readonly launcher: Launcher,
    private readonly places: readonly WorkerPlace[],
  ) {
    launcher.onExit((worker, exit) => this.#onExit(worker, exit));
  }

  async start(): Promise<void> {
    this.#living = this.places.length;
    await this.launcher.start(this.places);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.launcher.stop();
  }

  #onExit({ name, instance }: WorkerHandle, exit: WorkerExit): void {
    if (this.#isStopping) return;
    this.#living -= 1;
    switch (exit.type) {
      case 'crashed':
        return this.host.crashed(instance, exit.error);
      // A worker that ended with an error has reported the reason to the coordinator.
      case 'failed':
        return this.#giveUp(exit.reason);
      case 'left':
        return this.#endIfNoneIsLeft();
      case 'killed':
        this.host.log(exit.reason);
        return this.#restart(name);
    }
  }

  #restart(name: string): void {
    const restarts = this.#restarts.get(name) ?? 0;
    if (restarts >= limits.workerRestarts) return this.#endIfNoneIsLeft();
    this.#restarts.set(name, restarts + 1);
    this.#living += 1;
    setTimeout(() => {
      if (this.#isStopping) return;
      const places = this.places.filter((place) => place.name === name);
      this.launcher.start(places).catch((error: unknown) => this.#giveUp(String(error)));
    }, limits.workerRestartMs).unref();
  }

  #giveUp(message: string): void {
    setTimeout(() => this.host.interrupt({ code: 'WORKER_LOST', message }), exitNoticeDelayMs).unref();
  }

  #endIfNoneIsLeft(): void {
    if (this.#living === 0) this.#giveUp('no worker process is left');
  }
}
