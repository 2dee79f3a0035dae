// The worker's shell: performs the effects that the machine in core decides, and feeds it what happens. It decides
// nothing.
import {
  fromErrorRecord,
  limits,
  openModules,
  StillhouseError,
  toErrorRecord,
  type ErrorRecord,
} from '@stillhouse/core';
import {
  decodeToWorker,
  encodeMessage,
  initialWorkerState,
  placeOfFrame,
  routeText,
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
import { BlockFolder, type BlockCache, type BlockSource } from '@stillhouse/datasets';
import { BlockClient } from '../block/client.js';
import { BlockSupply } from '../block/supply.js';
import type { Effect, EngineHost, EngineReports } from './engine-host.js';
import type { HostMemory } from './host-memory.js';
import { Mesh } from './mesh.js';
import { meshPlan, type LocalAddress, type MeshWish } from './mesh-addresses.js';
import { placeOf } from './place.js';
import { Routes, serveMeasure } from './routes.js';
import { PeerBlocks } from '../block/peers.js';

export interface WorkerOptions {
  /** Addresses where a coordinator of the run may be, in the transport's notation. */
  readonly coordinators: readonly string[];
  /** This worker's identity and patience. */
  readonly identity: WorkerIdentity;
  /** Where other workers reach this one; by default at the address that the coordinator is reached from, and others. */
  readonly mesh?: MeshWish;
  /** Addresses of this machine; without them none is measured. */
  readonly locals?: readonly LocalAddress[];
  readonly transport: Transport;
  readonly clock: Clock;
  /** Makes the half of the worker that has the engine. */
  readonly hostEngine: (reports: EngineReports) => EngineHost;
  /** What workers of this host can share. */
  readonly hostMemory?: HostMemory | undefined;
  /** Keeps blocks from the network, and hands them out to other workers. */
  readonly cache?: BlockSource & Pick<BlockCache, 'keep'>;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

class WorkerShell {
  #state: WorkerState;
  #link: Link | undefined;
  #connections = 0;
  #address = '';
  #localHost = '127.0.0.1';
  readonly #generation = new BigInt64Array(new SharedArrayBuffer(8));
  readonly #engine: EngineHost;
  #mesh: Mesh | undefined;
  #routes: Routes | undefined;
  readonly #logged = new Set<string>();
  readonly #blocks: BlockClient;
  #peers: PeerBlocks | undefined;
  #supply: BlockSupply | undefined;
  #stopHeartbeat = (): void => {};
  #exit!: (error: Error | undefined) => void;
  readonly exited = new Promise<Error | undefined>((resolve) => (this.#exit = resolve));

  constructor(private readonly options: WorkerOptions) {
    this.#state = initialWorkerState(options.identity, options.clock.now());
    this.#engine = options.hostEngine({
      generation: this.#generation,
      dispatch: (event) => this.#guard(() => this.dispatch(event)),
      fail: (error) => this.#failed(error),
      send: (generation, frames) => this.#mesh!.send(generation, frames),
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
    this.#generation[0] = BigInt(state.generation);
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
    this.#failed(toErrorRecord(error));
  }

  #failed(error: ErrorRecord): void {
    this.options.log(error.message, { ...error });
    this.dispatch({ type: 'failed', error });
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
        return void this.#load(effect).catch((error: unknown) => this.#fail(error));
      case 'route':
        return void this.#route(effect).catch((error: unknown) => this.#fail(error));
      case 'forgetRoute':
        return this.#routes!.forget(effect.meshAddress);
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
        return this.#engine.perform(effect, this.#address);
    }
  }

  async #load({ job, meshToken }: Effect<'load'>): Promise<void> {
    const { cache, clock, hostMemory, log, mesh = {}, locals = [], transport } = this.options;
    const local = [
      ...(job.blockFolder === undefined ? [] : [new BlockFolder(job.blockFolder)]),
      ...(cache ? [cache] : []),
    ];
    const peers = (this.#peers = new PeerBlocks({ transport, clock, token: meshToken, cache, log }));
    const supply = (this.#supply = new BlockSupply({ local, coordinator: this.#blocks, peers, cache, log }));
    // Metrics of modules are added up here, whichever thread computes them.
    await openModules(job.recipe);
    const { fingerprint, choice } = await this.#engine.load(job, (hash) => supply.fetch(hash));
    this.#routes = new Routes({ transport, clock, token: meshToken, locals, log });
    const { listen, reachAt } = meshPlan(mesh, locals, this.#localHost);
    this.#mesh = await Mesh.open(transport, {
      address: listen,
      token: meshToken,
      onBlockLink: (link) => peers.serve(link),
      onMeasureLink: (link) => serveMeasure(link, reach.meshAddress),
      memory: hostMemory,
    });
    const reach = reachAt(this.#mesh.address);
    const also = reach.alternatives ? `, also at ${reach.alternatives.join(', ')}` : '';
    log(`engine ${fingerprint}, mesh at ${reach.meshAddress}${also}; backend ${choice}`);
    this.dispatch({ type: 'loaded', fingerprint, choice, reach });
  }

  async #route({ generation, peers }: Effect<'route'>): Promise<void> {
    const routes = await this.#routes!.toAll(peers);
    // Loopback is not worth a word.
    for (const [index, route] of routes.entries())
      if (route.network !== undefined) this.#logOnce(`${peers[index].workerId} is reached at ${routeText(route)}`);
    this.dispatch({ type: 'routed', generation, routes });
  }

  #logOnce(text: string): void {
    if (!this.#logged.has(text)) this.options.log(text);
    this.#logged.add(text);
  }

  async #linkMembers({ addresses, ...membership }: Effect<'link'>): Promise<void> {
    const { generation, members, self, hosts } = membership;
    this.options.log(placeOf(membership));
    const files = await this.#mesh!.link(membership, addresses, {
      place: (from, header) => this.#placeOf(generation, from, header),
      onGreeted: (from) => this.dispatch({ type: 'greeted', generation, from }),
      onFrame: (from, frame) => this.#guard(() => this.dispatch({ type: 'frame', generation, from, frame })),
      onLost: (from, what) =>
        this.dispatch({ type: 'peerLost', generation, from, meshAddress: members[from].meshAddress, ...what }),
    });
    const mates = hosts?.filter((host, i) => i !== self && host === hosts[self]).length ?? 0;
    const sharing = Math.max(0, files.size - 1);
    if (sharing > 0) this.options.log(`shares memory with ${sharing} other members on this host`);
    if (this.options.hostMemory && sharing < mates)
      this.options.log(`shares no memory with ${mates - sharing} other members on this host: sums travel by sockets`);
    this.dispatch({ type: 'linked', generation, files });
  }

  async #probe({ id, workers }: Effect<'probe'>): Promise<void> {
    const { transport } = this.options;
    const links = await Promise.allSettled(
      workers.map(async (worker) => transport.connect((await this.#routes!.orNamed(worker)).address)),
    );
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
    this.#engine.close();
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
