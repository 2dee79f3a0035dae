// The worker's shell: performs the effects that the machine in core decides, and feeds it what happens. Decides nothing.
import {
  decodeFrame, decodeToWorker, encodeMessage, fromErrorRecord, initialWorkerState, limits, toErrorRecord, workerStep,
  type Clock, type Link, type ToCoordinator, type Transport, type WorkerEffect, type WorkerEvent, type WorkerState,
} from '@stillhouse/core';
import type { Engine, EngineFactory } from './engine.js';
import { Mesh } from './mesh.js';

export interface WorkerOptions {
  /** Address of the coordinator, as its transport understands it. */
  readonly coordinator: string;
  readonly token: string;
  /** Name of this machine, for people. */
  readonly host: string;
  readonly version: string;
  /** HOST:PORT at which other workers reach this one; by default the address that the coordinator is reached from. */
  readonly meshAddress?: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly createEngine: EngineFactory;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

/** Asks the coordinator for blocks, each once at a time. */
class BlockClient {
  readonly #waiting = new Map<string, (bytes: Uint8Array) => void>();

  constructor(private readonly send: (message: ToCoordinator) => void) {}

  fetch(hash: string): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.#waiting.set(hash, resolve);
      this.send({ type: 'getBlock', hash });
    });
  }

  deliver(hash: string, bytes: Uint8Array): void {
    this.#waiting.get(hash)?.(bytes);
    this.#waiting.delete(hash);
  }
}

/** Tries for a while, since coordinator and workers are often started together. */
async function connect({ coordinator, transport, clock, log }: WorkerOptions): Promise<Link> {
  for (let tries = 1; ; tries++) {
    try {
      return await transport.connect(coordinator);
    } catch (error) {
      if (tries >= limits.connectTries) throw error;
      if (tries === 1) log(`no coordinator at ${coordinator} yet, trying for ${(limits.connectTries * limits.connectPauseMs) / 1000} s`);
      await new Promise<void>((resolve) => void clock.after(limits.connectPauseMs, resolve));
    }
  }
}

class WorkerShell {
  #state: WorkerState = initialWorkerState;
  #engine: Engine | undefined;
  #mesh: Mesh | undefined;
  readonly #blocks: BlockClient;
  /** Effects that take time are performed one after the other. */
  #work: Promise<void> = Promise.resolve();
  #stopHeartbeat = (): void => {};
  #exit!: (error: Error | undefined) => void;
  readonly exited = new Promise<Error | undefined>((resolve) => (this.#exit = resolve));

  constructor(
    private readonly options: WorkerOptions,
    private readonly link: Link,
  ) {
    this.#blocks = new BlockClient((message) => link.send(encodeMessage(message)));
  }

  start(): void {
    const { version, token, host } = this.options;
    this.link.onFrame((frame) => this.#guard(() => this.#onControlFrame(frame)));
    this.link.onClose((reason) => this.dispatch({ type: 'coordinatorLost', reason }));
    this.#beat();
    this.dispatch({ type: 'opened', version, token, host });
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
      this.dispatch({ type: 'heartbeatDue' });
      this.#beat();
    });
  }

  #onControlFrame(frame: Uint8Array): void {
    const message = decodeToWorker(frame);
    if (message.type === 'block') this.#blocks.deliver(message.hash, message.bytes);
    else this.dispatch({ type: 'message', message });
  }

  #later(work: () => Promise<WorkerEvent | undefined>): void {
    this.#work = this.#work.then(work).then((event) => event && this.dispatch(event)).catch((error: unknown) => this.#fail(error));
  }

  #perform(effect: WorkerEffect): void {
    const engine = (): Engine => this.#engine!;
    switch (effect.type) {
      case 'send':
        return this.link.send(encodeMessage(effect.message));
      case 'sendFrames':
        return this.#mesh!.send(this.#state.assigned!.generation, effect.frames);
      case 'load':
        return this.#later(() => this.#load(effect));
      case 'prepare':
        return this.#later(() => this.#prepare(effect));
      case 'compute':
        return this.#later(async () => ({ type: 'computed', partials: await engine().compute(effect) }));
      case 'apply':
        return this.#later(async () => void (await engine().apply(effect.step, effect.learningRate)));
      case 'evaluate':
        return this.#later(async () => ({ type: 'evaluated', ...(await engine().evaluate(effect)) }));
      case 'snapshot':
        return this.#later(async () => void engine().snapshot());
      case 'restore':
        return this.#later(async () => void (await engine().restore()));
      case 'export':
        return this.#later(async () => ({ type: 'exported', model: await engine().exportModel() }));
      case 'leaveMesh':
        return this.#mesh?.leave();
      case 'exit':
        return void this.#end(effect.error && fromErrorRecord(effect.error));
    }
  }

  async #load({ job, meshToken }: WorkerEffect & { type: 'load' }): Promise<WorkerEvent> {
    const { createEngine, meshAddress, transport } = this.options;
    this.#engine = await createEngine(job, (hash) => this.#blocks.fetch(hash));
    const host = this.link.localHost;
    this.#mesh = await Mesh.open(transport, meshAddress ?? `${host.includes(':') ? `[${host}]` : host}:0`, meshToken);
    const { fingerprint, choice } = this.#engine;
    this.options.log(`engine ${fingerprint}, mesh at ${this.#mesh.address}; backend ${choice}`);
    return { type: 'loaded', fingerprint, choice, meshAddress: this.#mesh.address };
  }

  async #prepare(effect: WorkerEffect & { type: 'prepare' }): Promise<WorkerEvent> {
    const prepared = await this.#engine!.prepare(effect.phase);
    await this.#mesh!.join(effect, {
      onFrame: (from, frame) => this.#guard(() => this.dispatch({ type: 'frame', from, frame: decodeFrame(frame) })),
      onLost: (from, reason) => this.dispatch({ type: 'peerLost', from, reason }),
    });
    this.options.log(`${effect.phase.name}: generation ${effect.generation}, member ${effect.self} of ${effect.members.length}`);
    return { type: 'prepared', ...prepared };
  }

  async #end(error: Error | undefined): Promise<void> {
    this.#stopHeartbeat();
    await this.#mesh?.close();
    this.link.close();
    this.#exit(error);
  }
}

/**
 * Takes part in one run, until the coordinator says that it is over.
 * @throws StillhouseError with the reason if the run failed or this worker was refused
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const link = await connect(options);
  const shell = new WorkerShell(options, link);
  shell.start();
  const error = await shell.exited;
  if (error) throw error;
}
