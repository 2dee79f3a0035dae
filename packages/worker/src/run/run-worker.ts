// The worker's shell: performs the effects that the machine in core decides, and feeds it what happens. It decides
// nothing.
import { fromErrorRecord, limits, messageOf, StillhouseError, toErrorRecord } from '@stillhouse/core';
import {
  decodeToWorker,
  encodeMessage,
  initialWorkerState,
  placeOfFrame,
  workerTransition,
  type Clock,
  type FrameHeader,
  type Link,
  type ToCoordinator,
  type Transport,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerIdentity,
  type WorkerState,
} from '@stillhouse/core/cluster';
import { StateUpload, type StateUploader } from '../checkpoint/state-upload.js';
import { BlockFolder, type BlockCache, type BlockSource } from '@stillhouse/datasets';
import { BlockClient } from '../block/client.js';
import { BlockSupply } from '../block/supply.js';
import type { Engine, EngineFactory } from '../engine/engine.js';
import { EngineShell, type Effect } from './engine-shell.js';
import { Mesh } from './mesh.js';
import { placeOf } from './place.js';
import { PeerBlocks } from '../block/peers.js';

export interface WorkerOptions {
  /** Addresses where a coordinator of the run may be, in the transport's notation. */
  readonly coordinators: readonly string[];
  /** This worker's identity and patience. */
  readonly identity: WorkerIdentity;
  /** HOST:PORT at which other workers reach this one; by default the address that the coordinator is reached from. */
  readonly meshAddress?: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly createEngine: EngineFactory;
  /** Keeps blocks from the network, and hands them out to other workers. */
  readonly cache?: BlockSource & Pick<BlockCache, 'keep'>;
  /** Copies and sends states for checkpoints; by default in this thread. */
  readonly uploader?: StateUploader;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

class WorkerShell {
  #state: WorkerState;
  #link: Link | undefined;
  #connections = 0;
  #address = '';
  #localHost = '127.0.0.1';
  readonly #engine: EngineShell;
  #mesh: Mesh | undefined;
  readonly #uploader: StateUploader;
  readonly #blocks: BlockClient;
  #peers: PeerBlocks | undefined;
  #supply: BlockSupply | undefined;
  #yieldedMs = 0;
  #stopHeartbeat = (): void => {};
  #exit!: (error: Error | undefined) => void;
  readonly exited = new Promise<Error | undefined>((resolve) => (this.#exit = resolve));

  constructor(private readonly options: WorkerOptions) {
    this.#state = initialWorkerState(options.identity, options.clock.now());
    this.#uploader = options.uploader ?? new StateUpload(options.transport, options.log);
    this.#engine = new EngineShell({
      clock: options.clock,
      uploader: this.#uploader,
      log: options.log,
      dispatch: (event) => this.dispatch(event),
      fail: (error) => this.#fail(error),
      isIn: (generation) => 'generation' in this.#state.activity && this.#state.activity.generation === generation,
      send: (generation, frames) => this.#mesh!.send(generation, frames),
      coordinator: () => this.#address,
    });
    this.#blocks = new BlockClient(options.clock, (hash, direct) => this.#send({ type: 'getBlock', hash, direct }));
  }

  start(): void {
    this.#beat();
    this.#connect({ type: 'connect', delayMs: 0 });
  }

  leave(): void {
    this.dispatch({ type: 'leave' });
  }

  dispatch(event: WorkerEvent): void {
    const { state, effects } = workerTransition(this.#state, event, this.options.clock.now());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  /** The machine decides about exceptions from an effect or a frame. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const record = toErrorRecord(error);
    this.options.log(record.message, { ...record });
    this.dispatch({ type: 'failed', error: record });
  }

  #beat(): void {
    this.#stopHeartbeat = this.options.clock.after(limits.heartbeatIntervalMs, () => {
      this.#beat();
      this.dispatch({ type: 'heartbeatDue' });
    });
  }

  #send(message: ToCoordinator): void {
    this.#link?.send(...encodeMessage(message));
  }

  #connect({ delayMs }: Effect<'connect'>): void {
    const { clock, coordinators, transport } = this.options;
    const address = coordinators[this.#connections++ % coordinators.length];
    clock.after(delayMs, () => {
      transport.connect(address).then(
        (link) => this.#opened(link, address),
        (error: unknown) => {
          if (this.#connections <= coordinators.length) this.options.log(`no coordinator at ${address} yet`);
          this.dispatch({ type: 'unreachable', error: toErrorRecord(error) });
        },
      );
    });
  }

  #opened(link: Link, address: string): void {
    this.#link = link;
    this.#address = address;
    this.#localHost = link.localHost;
    link.onFrame((frame) => this.#link === link && this.#guard(() => this.#onControlFrame(frame)));
    link.onClose((reason) => {
      if (this.#link !== link) return;
      this.#link = undefined;
      this.dispatch({ type: 'coordinatorLost', reason });
    });
    this.dispatch({ type: 'opened' });
  }

  #disconnect(): void {
    const link = this.#link;
    this.#link = undefined;
    link?.abort();
  }

  #onControlFrame(frame: Uint8Array): void {
    const message = decodeToWorker(frame);
    if (message.type === 'block') this.#blocks.deliver(message.hash, message.bytes);
    if (message.type === 'blockAt') this.#blocks.refer(message.hash, message.meshAddress);
    this.dispatch({ type: 'message', message });
  }

  #perform(effect: WorkerEffect): void {
    switch (effect.type) {
      case 'connect':
        return this.#connect(effect);
      case 'disconnect':
        return this.#disconnect();
      case 'send':
        return this.#send(effect.message);
      case 'sendFrames':
        return this.#mesh!.send(effect.generation, effect.frames);
      case 'load':
        return this.#engine.load(() => this.#load(effect));
      case 'link':
        return void this.#linkMembers(effect).catch((error: unknown) => this.#fail(error));
      case 'probe':
        return void this.#probe(effect);
      case 'unlink':
        return this.#mesh?.unlink(effect.before);
      case 'fetchState':
        return void this.#fetchState(effect);
      case 'exit':
        return void this.#end(effect.error && fromErrorRecord(effect.error));
      default:
        return this.#engine.perform(effect);
    }
  }

  /** Lets timers and sockets run: a worker that computes without a pause would receive nothing and seem dead. */
  async #yieldToEvents(): Promise<void> {
    const { clock } = this.options;
    if (clock.now() - this.#yieldedMs < limits.yieldIntervalMs) return;
    await new Promise<void>((resolve) => void clock.after(0, resolve));
    this.#yieldedMs = clock.now();
  }

  async #load({ job, meshToken }: Effect<'load'>): Promise<{ engine: Engine; event: WorkerEvent }> {
    const { cache, clock, createEngine, log, meshAddress, transport } = this.options;
    const local = [
      ...(job.blockFolder === undefined ? [] : [new BlockFolder(job.blockFolder)]),
      ...(cache ? [cache] : []),
    ];
    const peers = (this.#peers = new PeerBlocks({ transport, clock, token: meshToken, cache, log }));
    const supply = (this.#supply = new BlockSupply({ local, coordinator: this.#blocks, peers, cache, log }));
    const engine = await createEngine(
      job,
      (hash) => supply.fetch(hash),
      () => this.#yieldToEvents(),
    );
    const host = this.#localHost;
    this.#mesh = await Mesh.open(transport, {
      address: meshAddress ?? `${host.includes(':') ? `[${host}]` : host}:0`,
      token: meshToken,
      onBlockLink: (link) => peers.serve(link),
    });
    const { fingerprint, choice } = engine;
    const { address } = this.#mesh;
    log(`engine ${fingerprint}, mesh at ${address}; backend ${choice}`);
    return { engine, event: { type: 'loaded', fingerprint, choice, meshAddress: address } };
  }

  async #linkMembers({ generation, members, self }: Effect<'link'>): Promise<void> {
    this.options.log(placeOf({ generation, members, self }));
    await this.#mesh!.link(
      { generation, members, self },
      {
        place: (from, header) => this.#placeOf(generation, from, header),
        onFrame: (from, frame) => this.#guard(() => this.dispatch({ type: 'frame', generation, from, frame })),
        onLost: (from, what) => this.dispatch({ type: 'peerLost', generation, from, ...what }),
      },
    );
    this.dispatch({ type: 'linked', generation });
  }

  async #probe({ id, meshAddresses }: Effect<'probe'>): Promise<void> {
    const { transport } = this.options;
    const links = await Promise.allSettled(meshAddresses.map((address) => transport.connect(address)));
    for (const link of links) if (link.status === 'fulfilled') link.value.abort();
    this.dispatch({ type: 'probed', id, reached: links.filter(({ status }) => status === 'fulfilled').length });
  }

  #placeOf(generation: number, from: number, header: FrameHeader): Uint8Array | undefined {
    try {
      return placeOfFrame(this.#state, { generation, from, header });
    } catch (error) {
      if (!(error instanceof StillhouseError) || error.code !== 'PROTOCOL_VIOLATION') this.#fail(error);
      else this.dispatch({ type: 'peerLost', generation, from, linking: true, reason: error.message });
      return undefined;
    }
  }

  async #fetchState({ generation, hash }: Effect<'fetchState'>): Promise<void> {
    const bytes = await this.#blocks.fetch(hash);
    this.dispatch({ type: 'fetched', generation, bytes });
  }

  async #end(error: Error | undefined): Promise<void> {
    this.#stopHeartbeat();
    this.#blocks.close();
    this.#peers?.close();
    if (this.#supply)
      this.options.log(
        `blocks: ${this.#supply.counts.disk} from disk, ${this.#supply.counts.workers} from other workers, ` +
          `${this.#supply.counts.coordinator} from the coordinator`,
      );
    this.#uploader.close();
    await this.#mesh?.close();
    this.#link?.close();
    this.#exit(error);
  }
}

export interface RunningWorker {
  /**
   * Resolves when the run is over, or this worker has left it. Rejects with the reason if the run failed or refused it.
   */
  readonly finished: Promise<void>;
  /** Hands over and leaves, for example because this machine will be shut down. */
  leave(): void;
}

/** Takes part in one run. */
export function startWorker(options: WorkerOptions): RunningWorker {
  if (options.coordinators.length === 0) throw new StillhouseError('USAGE', 'no address of a coordinator is given');
  const shell = new WorkerShell(options);
  shell.start();
  const finished = shell.exited.then((error) => {
    if (error) throw error;
  });
  return { finished, leave: () => shell.leave() };
}
