// The thread of a worker's process that is linked with the coordinator and with other workers; worker-process.ts starts
// it, and computes meanwhile.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { BlockCache, blockCacheFolder } from '@stillhouse/datasets';
import { invariant, limits, toErrorRecord, type ErrorRecord } from '@stillhouse/core';
import type { WorkerIdentity } from '@stillhouse/core/cluster';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { hostMemoryOf, RemoteEngine, startWorker } from '@stillhouse/worker/light';
import type { Log } from './logger.js';

export interface LinkThreadData {
  readonly coordinators: readonly string[];
  readonly identity: WorkerIdentity;
  readonly meshAddress: string | undefined;
  /** Leads to the engine, in the process's main thread. */
  readonly engine: MessagePort;
}

export type FromLinkThread =
  | { readonly type: 'log'; readonly message: string; readonly fields: Record<string, unknown> | undefined }
  | { readonly type: 'finished' }
  | { readonly type: 'failed'; readonly error: ErrorRecord };

invariant(parentPort, 'this file is the start of a thread');
const port = parentPort;
const post = (message: FromLinkThread): void => port.postMessage(message);
const log: Log = (message, fields) => post({ type: 'log', message, fields });
const { coordinators, identity, meshAddress, engine } = workerData as LinkThreadData;

const worker = startWorker({
  coordinators,
  identity,
  ...(meshAddress === undefined ? {} : { meshAddress }),
  transport: webSocketTransport,
  clock: systemClock,
  hostEngine: (reports) => new RemoteEngine(engine, reports),
  hostMemory: hostMemoryOf(process.env),
  cache: new BlockCache(blockCacheFolder(process.env), limits.cachedBlockBytes, log),
  log,
});
// The only order that there is.
port.on('message', () => worker.leave());
worker.finished.then(
  () => post({ type: 'finished' }),
  (error: unknown) => post({ type: 'failed', error: toErrorRecord(error) }),
);
