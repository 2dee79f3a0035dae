// Workers in this process, over real sockets. Where a worker runs does not change what it computes, and starting a
// process takes longer than most trainings of these tests. Tests of what happens to processes use processes.
// They all have this process's environment.
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { limits, messageOf } from '@stillhouse/core';
import { BlockCache, blockCacheFolder } from '@stillhouse/datasets';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import {
  localEngine,
  startWorker,
  tfjsEngine,
  type Engine,
  type EngineFactory,
  type RunningWorker,
} from '@stillhouse/worker';
import { StateUpload } from '@stillhouse/worker/light';
import {
  version,
  type Launcher,
  type LaunchTarget,
  type WorkerExit,
  type WorkerHandle,
  type WorkerPlace,
} from 'stillhouse';

export class InProcessLauncher implements Launcher {
  #listener: (worker: WorkerHandle, exit: WorkerExit) => void = () => {};
  readonly #workers: RunningWorker[] = [];
  readonly #ends: Promise<void>[] = [];

  constructor(private readonly target: LaunchTarget) {}

  start(places: readonly WorkerPlace[]): Promise<WorkerHandle[]> {
    return Promise.resolve(places.map(({ name }) => this.#start(name)));
  }

  onExit(listener: (worker: WorkerHandle, exit: WorkerExit) => void): void {
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    this.#listener = () => {};
    const ends = Promise.all(this.#ends);
    await Promise.race([ends, delay(limits.shutdownGraceMs, undefined, { ref: false })]);
    for (const worker of this.#workers) worker.leave();
    await ends;
  }

  #start(name: string): WorkerHandle {
    const { coordinator, token, backend, logFile } = this.target;
    const log = (message: string, fields: object = {}): void =>
      appendFileSync(logFile(name), `${JSON.stringify({ msg: message, ...fields })}\n`);
    const handle = { name, instance: randomBytes(8).toString('hex') };
    const engines: Engine[] = [];
    const createEngine: EngineFactory = async (...args) => {
      const engine = await tfjsEngine(backend, { report: log })(...args);
      engines.push(engine);
      return engine;
    };
    const worker = startWorker({
      coordinators: [coordinator],
      identity: {
        instance: handle.instance,
        version,
        token,
        host: hostname(),
        patienceMs: limits.managedPatienceMs,
        heartbeatTimeoutMs: limits.heartbeatTimeoutMs,
      },
      transport: webSocketTransport,
      clock: systemClock,
      hostEngine: localEngine({
        clock: systemClock,
        createEngine,
        uploader: new StateUpload(webSocketTransport, log),
        log,
      }),
      cache: new BlockCache(blockCacheFolder(process.env), limits.cachedBlockBytes, log),
      log,
    });
    const end = worker.finished
      .then(
        (): WorkerExit => ({ type: 'left' }),
        (error: unknown): WorkerExit => ({ type: 'failed', reason: messageOf(error) }),
      )
      .then(async (exit) => {
        for (const engine of engines) await engine.dispose();
        this.#listener(handle, exit);
      });
    this.#workers.push(worker);
    this.#ends.push(end);
    return handle;
  }
}
