// The worker's shell: performs the effects that the machine in core decides, and feeds it what happens. Decides nothing.
import { createHash } from 'node:crypto';
import {
  decodeFrame,
  decodeToWorker,
  encodeMessage,
  fromErrorRecord,
  initialWorkerState,
  lengthOf,
  limits,
  readTraining,
  stateFrames,
  StillhouseError,
  toErrorRecord,
  trainingParts,
  workerStep,
  type Clock,
  type Link,
  type ToCoordinator,
  type Transport,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerIdentity,
  type WorkerState,
} from '@stillhouse/core';
import { StateUpload, type StateUploader } from '../checkpoint/state-upload.js';
import { BlockFolder, type BlockCache, type BlockSource } from '@stillhouse/datasets';
import { BlockClient } from '../block/client.js';
import { BlockSupply } from '../block/supply.js';
import type { Engine, EngineFactory } from '../engine/engine.js';
import { Mesh } from './mesh.js';
import { PeerBlocks } from '../block/peers.js';

export interface WorkerOptions {
  /** Addresses at which a coordinator of the run may be, as its transport understands them. */
  readonly coordinators: readonly string[];
  /** Who this worker is, and how patient. */
  readonly identity: WorkerIdentity;
  /** HOST:PORT at which other workers reach this one; by default the address that the coordinator is reached from. */
  readonly meshAddress?: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly createEngine: EngineFactory;
  /** Keeps blocks that came over the network, and hands them out to other workers. */
  readonly cache?: BlockSource & Pick<BlockCache, 'keep'>;
  /** Who copies and sends states for checkpoints; by default this thread. */
  readonly uploader?: StateUploader;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

/** The copy of a state, and how long that has kept this thread. */
interface Copied {
  readonly bytes: number;
  readonly busyMs: number;
}

type Effect<Type extends WorkerEffect['type']> = WorkerEffect & { type: Type };

const hashOf = (parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const digestBytes = 32;

class WorkerShell {
  #state: WorkerState;
  #link: Link | undefined;
  #connections = 0;
  #address = '';
  #localHost = '127.0.0.1';
  #engine: Engine | undefined;
  #mesh: Mesh | undefined;
  readonly #uploader: StateUploader;
  /** A copy for a checkpoint that the next change has to wait for. */
  #copying: Promise<Copied> | undefined;
  /** Resolves once the last change of the state that was asked for is done. */
  #changed: Promise<void> = Promise.resolve();
  readonly #blocks: BlockClient;
  #peers: PeerBlocks | undefined;
  #supply: BlockSupply | undefined;
  /** Effects that take the engine are performed one after the other. */
  #work: Promise<void> = Promise.resolve();
  #breathedMs = 0;
  #stopHeartbeat = (): void => {};
  #exit!: (error: Error | undefined) => void;
  readonly exited = new Promise<Error | undefined>((resolve) => (this.#exit = resolve));

  constructor(private readonly options: WorkerOptions) {
    this.#state = initialWorkerState(options.identity, options.clock.now());
    this.#uploader = options.uploader ?? new StateUpload(options.transport, options.log);
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
    const { state, effects } = workerStep(this.#state, event, this.options.clock.now());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  /** What an effect or a frame throws is the machine's to judge. */
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

  /** Performs after what was asked before; an answer that throws is a failure. */
  #later(work: () => Promise<WorkerEvent | undefined>): void {
    this.#work = this.#work
      .then(work)
      .then((event) => event && this.dispatch(event))
      .catch((error: unknown) => this.#fail(error));
  }

  /** As #later, for what changes the state. */
  #change(work: () => Promise<WorkerEvent | undefined>): void {
    const copying = this.#copying;
    this.#copying = undefined;
    this.#later(async () => {
      if (copying) await this.#untilCopied(copying);
      return work();
    });
    this.#changed = this.#work;
  }

  /** As #later, unless the generation is over by then. */
  #laterIn(generation: number, work: () => Promise<WorkerEvent | undefined>): void {
    this.#later(async () => {
      const { activity } = this.#state;
      return 'generation' in activity && activity.generation === generation ? work() : undefined;
    });
  }

  #perform(effect: WorkerEffect): void {
    const engine = (): Engine => this.#engine!;
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
        return this.#later(() => this.#load(effect));
      case 'build':
        return this.#change(async () => ({
          type: 'built',
          phase: effect.phase,
          ...(await engine().build(effect.phase, effect.teacher)),
        }));
      case 'link':
        return void this.#linkMembers(effect).catch((error: unknown) => this.#fail(error));
      case 'unlink':
        return this.#mesh?.unlink(effect.before);
      case 'fetchState':
        return void this.#blocks
          .fetch(effect.hash)
          .then((bytes) => this.dispatch({ type: 'fetched', generation: effect.generation, bytes }));
      case 'sendState':
        return this.#laterIn(effect.generation, async () => this.#sendState(effect));
      case 'adopt':
        return this.#change(() => this.#adopt(effect));
      case 'hash':
        return this.#laterIn(effect.generation, async () => ({
          type: 'hashed',
          generation: effect.generation,
          stateSha256: hashOf(trainingParts(effect.training, engine().stateBuffers())).toString('hex'),
          weightsSha256: engine().weightsSha256(),
        }));
      case 'compute':
        return this.#laterIn(effect.generation, async () => {
          const startedMs = this.options.clock.now();
          const waitedBeforeMs = engine().waitedMs;
          const partials = await engine().compute(effect);
          return {
            type: 'computed',
            generation: effect.generation,
            partials,
            ms: this.options.clock.now() - startedMs,
            waitedMs: engine().waitedMs - waitedBeforeMs,
          };
        });
      case 'apply':
        return this.#change(async () => void (await engine().apply(effect.step, effect.learningRate)));
      case 'evaluate':
        return this.#laterIn(effect.generation, async () => ({
          type: 'evaluated',
          generation: effect.generation,
          values: await engine().evaluate(effect),
          weightsSha256: engine().weightsSha256(),
        }));
      case 'keepBest':
        return this.#change(async () => void engine().keepBest());
      case 'restoreBest':
        return this.#change(async () => void (await engine().restoreBest()));
      case 'correctBiases':
        return this.#change(async () => void (await engine().correctBiases()));
      case 'export':
        return this.#later(async () => ({
          type: 'exported',
          generation: effect.generation,
          model: await engine().exportModel(),
        }));
      case 'captureState':
        this.#copying = this.#capture(effect, this.#copying);
        return void this.#copying.catch((error: unknown) => this.#fail(error));
      case 'exit':
        return void this.#end(effect.error && fromErrorRecord(effect.error));
    }
  }

  /** One that computes without a pause would hear nothing and seem dead. */
  async #breathe(): Promise<void> {
    const { clock } = this.options;
    if (clock.now() - this.#breathedMs < limits.breathIntervalMs) return;
    await new Promise<void>((resolve) => void clock.after(0, resolve));
    this.#breathedMs = clock.now();
  }

  async #load({ job, meshToken }: Effect<'load'>): Promise<WorkerEvent> {
    const { cache, clock, createEngine, log, meshAddress, transport } = this.options;
    const local = [
      ...(job.blockFolder === undefined ? [] : [new BlockFolder(job.blockFolder)]),
      ...(cache ? [cache] : []),
    ];
    const peers = (this.#peers = new PeerBlocks({ transport, clock, token: meshToken, cache, log }));
    const supply = (this.#supply = new BlockSupply({ local, coordinator: this.#blocks, peers, cache, log }));
    this.#engine = await createEngine(
      job,
      (hash) => supply.fetch(hash),
      () => this.#breathe(),
    );
    const host = this.#localHost;
    this.#mesh = await Mesh.open(transport, {
      address: meshAddress ?? `${host.includes(':') ? `[${host}]` : host}:0`,
      token: meshToken,
      onBlockLink: (link) => peers.serve(link),
    });
    const { fingerprint, choice } = this.#engine;
    this.options.log(`engine ${fingerprint}, mesh at ${this.#mesh.address}; backend ${choice}`);
    return { type: 'loaded', fingerprint, choice, meshAddress: this.#mesh.address };
  }

  async #linkMembers({ generation, members, self }: Effect<'link'>): Promise<void> {
    this.options.log(
      `generation ${generation}: member ${self} of ${members.length}, ranks ${members[self].ranks.lo} to ${members[self].ranks.hi - 1}`,
    );
    await this.#mesh!.link(
      { generation, members, self },
      {
        onFrame: (from, frame) =>
          this.#guard(() => this.dispatch({ type: 'frame', generation, from, frame: decodeFrame(frame) })),
        onLost: (from, what) => this.dispatch({ type: 'peerLost', generation, from, ...what }),
      },
    );
    this.dispatch({ type: 'linked', generation });
  }

  #sendState({ generation, training, to }: Effect<'sendState'>): undefined {
    const parts = trainingParts(training, this.#engine!.stateBuffers());
    const frames = stateFrames(generation, [...parts, hashOf(parts)]);
    this.#mesh!.send(
      generation,
      to.flatMap((index) => frames.map((frame) => ({ to: index, frame }))),
    );
  }

  async #adopt({ generation, bytes, isSealed }: Effect<'adopt'>): Promise<WorkerEvent> {
    const state = isSealed ? bytes.subarray(0, bytes.byteLength - digestBytes) : bytes;
    if (isSealed && !hashOf([state]).equals(bytes.subarray(bytes.byteLength - digestBytes)))
      return {
        type: 'notAdopted',
        generation,
        reason: 'the training state arrived with other bytes than it was sent with',
      };
    const { training, buffers } = readTraining(state, 'the training state');
    await this.#engine!.adoptState(buffers);
    this.options.log(`took over the ${training.phase} at step ${training.step}, ${bytes.byteLength} bytes`);
    return { type: 'adopted', generation, training };
  }

  /** Has the state copied while this worker goes on to compute: it is the same from the last change to the next. */
  async #capture({ id, training }: Effect<'captureState'>, before: Promise<Copied> | undefined): Promise<Copied> {
    const { clock, identity } = this.options;
    await Promise.all([this.#changed, before]);
    const startedMs = clock.now();
    const parts = trainingParts(training, this.#engine!.stateBuffers());
    const copied = this.#uploader.take({
      id,
      held: { phase: training.phase, ops: training.ops },
      parts,
      address: this.#address,
      token: identity.token,
    });
    const busyMs = clock.now() - startedMs;
    await copied;
    return { bytes: lengthOf(parts), busyMs };
  }

  async #untilCopied(copying: Promise<Copied>): Promise<void> {
    const startedMs = this.options.clock.now();
    const { bytes, busyMs } = await copying;
    const waitedMs = this.options.clock.now() - startedMs;
    this.options.log(`copied ${bytes} bytes for a checkpoint`, { busyMs, waitedMs });
  }

  async #end(error: Error | undefined): Promise<void> {
    this.#stopHeartbeat();
    this.#blocks.close();
    this.#peers?.close();
    if (this.#supply)
      this.options.log(
        `blocks: ${this.#supply.counts.disk} from disk, ${this.#supply.counts.workers} from other workers, ${this.#supply.counts.coordinator} from the coordinator`,
      );
    this.#uploader.close();
    await this.#mesh?.close();
    this.#link?.close();
    this.#exit(error);
  }
}

export interface RunningWorker {
  /** Resolves when the run is over, or this worker has left it. Rejects with the reason if the run failed or refused it. */
  readonly finished: Promise<void>;
  /** Hands over and goes, as when this machine is about to be taken away. */
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
