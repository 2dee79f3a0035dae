// Workers in this process, over real sockets. Where a worker runs does not change what it computes, and starting a
// process takes longer than most trainings of these tests. Tests of what happens to processes use processes.
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { limits, messageOf } from '@stillhouse/core';
import { BlockCache, blockCacheFolder } from '@stillhouse/datasets';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { startWorker, tfjsEngine, type Engine, type EngineFactory } from '@stillhouse/worker';
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
    await Promise.all(this.#ends);
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
    const { finished } = startWorker({
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
      createEngine,
      cache: new BlockCache(blockCacheFolder(process.env), limits.cachedBlockBytes, log),
      log,
    });
    const end = finished
      .then(
        (): WorkerExit => ({ type: 'left' }),
        (error: unknown): WorkerExit => ({ type: 'failed', reason: messageOf(error) }),
      )
      .then(async (exit) => {
        for (const engine of engines) await engine.dispose();
        this.#listener(handle, exit);
      });
    this.#ends.push(end);
    return handle;
  }
}
