// The two halves of a worker in two threads: the one with the engine computes as long as it likes; the other one hears
// its coordinator, sends heartbeats, and exchanges sums with other workers. Buffers are in memory that both share.
import type { MessagePort } from 'node:worker_threads';
import { fromErrorRecord, invariant, toErrorRecord, type ErrorRecord, type Job } from '@stillhouse/core';
import type { Outgoing, WorkerEvent } from '@stillhouse/core/cluster';
import type { FetchBlock } from '../block/fetch-block.js';
import { FlatSums, type SharedSums } from '../flat/memory.js';
import type { EngineEffect, EngineHost, EngineReports, LoadedEngine } from './engine-host.js';

type Built = WorkerEvent & { type: 'built' };

type ToEngine =
  | { readonly type: 'begin'; readonly generation: BigInt64Array }
  | { readonly type: 'load'; readonly job: Job }
  | { readonly type: 'perform'; readonly effect: EngineEffect; readonly coordinator: string }
  | { readonly type: 'block'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'noBlock'; readonly id: number; readonly error: ErrorRecord }
  | { readonly type: 'close' };

type FromEngine =
  | { readonly type: 'loaded'; readonly loaded: LoadedEngine }
  | { readonly type: 'notLoaded'; readonly error: ErrorRecord }
  | { readonly type: 'event'; readonly event: Exclude<WorkerEvent, Built> }
  | { readonly type: 'built'; readonly event: Omit<Built, 'memory'>; readonly sums: SharedSums }
  | { readonly type: 'failed'; readonly error: ErrorRecord }
  | { readonly type: 'frames'; readonly generation: number; readonly frames: readonly Outgoing[] }
  | { readonly type: 'fetch'; readonly id: number; readonly hash: string };

/** The engine's half as the other thread sees it. */
export class RemoteEngine implements EngineHost {
  #fetchBlock: FetchBlock | undefined;
  #loading: { resolve: (loaded: LoadedEngine) => void; reject: (error: unknown) => void } | undefined;

  constructor(
    private readonly port: MessagePort,
    private readonly reports: EngineReports,
  ) {
    port.on('message', (message: FromEngine) => this.#take(message));
    this.#post({ type: 'begin', generation: reports.generation });
  }

  load(job: Job, fetchBlock: FetchBlock): Promise<LoadedEngine> {
    this.#fetchBlock = fetchBlock;
    this.#post({ type: 'load', job });
    return new Promise((resolve, reject) => (this.#loading = { resolve, reject }));
  }

  perform(effect: EngineEffect, coordinator: string): void {
    this.#post({ type: 'perform', effect, coordinator });
  }

  close(): void {
    this.#post({ type: 'close' });
  }

  #post(message: ToEngine): void {
    this.port.postMessage(message);
  }

  #take(message: FromEngine): void {
    switch (message.type) {
      case 'loaded':
        return this.#loading?.resolve(message.loaded);
      case 'notLoaded':
        return this.#loading?.reject(fromErrorRecord(message.error));
      case 'event':
        return this.reports.dispatch(message.event);
      case 'built':
        return this.reports.dispatch({ ...message.event, memory: FlatSums.of(message.sums) });
      case 'failed':
        return this.reports.fail(message.error);
      case 'frames':
        return this.reports.send(message.generation, message.frames);
      case 'fetch':
        return void this.#fetch(message.id, message.hash);
    }
  }

  async #fetch(id: number, hash: string): Promise<void> {
    try {
      this.#post({ type: 'block', id, bytes: await this.#fetchBlock!(hash) });
    } catch (error) {
      this.#post({ type: 'noBlock', id, error: toErrorRecord(error) });
    }
  }
}

/** Serves the engine's half to the thread at the other end of the port. */
export function serveEngine(port: MessagePort, hostEngine: (reports: EngineReports) => EngineHost): void {
  const post = (message: FromEngine): void => port.postMessage(message);
  const blocks = new Map<number, { resolve: (bytes: Uint8Array) => void; reject: (error: unknown) => void }>();
  let requests = 0;
  const dispatch = (event: WorkerEvent): void => {
    if (event.type !== 'built') return post({ type: 'event', event });
    const { memory, ...rest } = event;
    invariant(memory instanceof FlatSums, 'buffers of another thread are in shared memory');
    post({ type: 'built', event: rest, sums: memory.shared });
  };
  const reportsOf = (generation: BigInt64Array): EngineReports => ({
    generation,
    dispatch,
    fail: (error) => post({ type: 'failed', error }),
    send: (of, frames) => post({ type: 'frames', generation: of, frames }),
  });
  let host!: EngineHost;
  const fetchBlock: FetchBlock = (hash) =>
    new Promise((resolve, reject) => {
      const id = requests++;
      blocks.set(id, { resolve, reject });
      post({ type: 'fetch', id, hash });
    });
  port.on('message', (message: ToEngine) => {
    switch (message.type) {
      case 'begin':
        host = hostEngine(reportsOf(message.generation));
        return;
      case 'load':
        return void host.load(message.job, fetchBlock).then(
          (loaded) => post({ type: 'loaded', loaded }),
          (error: unknown) => post({ type: 'notLoaded', error: toErrorRecord(error) }),
        );
      case 'perform':
        return host.perform(message.effect, message.coordinator);
      case 'block':
        blocks.get(message.id)?.resolve(message.bytes);
        return void blocks.delete(message.id);
      case 'noBlock':
        blocks.get(message.id)?.reject(fromErrorRecord(message.error));
        return void blocks.delete(message.id);
      case 'close':
        host.close();
        return port.close();
    }
  });
}
