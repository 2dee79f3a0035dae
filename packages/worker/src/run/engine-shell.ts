// The half of the worker's shell that has the engine. It performs the effects that need the engine one after the other,
// so none sees a state that another is changing.
import { createHash } from 'node:crypto';
import { invariant, limits, StillhouseError, toErrorRecord, type Job, type Phase } from '@stillhouse/core';
import {
  countRows,
  emptyLedger,
  epochOrder,
  lengthOf,
  readTraining,
  roundRows,
  roundRowsOf,
  stateFrames,
  stepsPerEpoch,
  trainingParts,
  type Clock,
  type EpochOrder,
  type TrainingState,
  type WorkerEvent,
} from '@stillhouse/core/cluster';
import type { FetchBlock } from '../block/fetch-block.js';
import type { StateUploader } from '../checkpoint/state-upload.js';
import type { ComputeTask, Engine, EngineFactory } from '../engine/engine.js';
import type { Effect, EngineEffect, EngineHost, EngineReports } from './engine-host.js';

export interface LocalEngineOptions {
  readonly clock: Clock;
  readonly createEngine: EngineFactory;
  /** Copies and sends states for checkpoints. */
  readonly uploader: StateUploader;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

/** The copy of a state, and how long making it has blocked this thread. */
interface Copied {
  readonly bytes: number;
  readonly busyMs: number;
}

const hashOf = (parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const digestBytes = 32;

export class EngineShell implements EngineHost {
  #engine: Engine | undefined;
  /** Resolves when all requested work is done. */
  #work: Promise<void> = Promise.resolve();
  /** Resolves once the last requested change of the state is done. */
  #changed: Promise<void> = Promise.resolve();
  /** A copy for a checkpoint that the next change has to wait for. */
  #copying: Promise<Copied> | undefined;

  #phase: Phase | undefined;
  /** Order of the current epoch. */
  #order: { readonly epoch: number; readonly order: EpochOrder } | undefined;
  #yieldedMs = 0;

  constructor(private readonly options: LocalEngineOptions & EngineReports) {}

  load(job: Job, fetchBlock: FetchBlock): ReturnType<EngineHost['load']> {
    const loading = this.#work.then(async () => {
      this.#engine = await this.options.createEngine(job, fetchBlock, () => this.#yieldToEvents());
      const { fingerprint, choice } = this.#engine;
      return { fingerprint, choice };
    });
    this.#work = loading.then(
      () => {},
      () => {},
    );
    return loading;
  }

  close(): void {
    this.options.uploader.close();
  }

  perform(effect: EngineEffect, coordinator: string): void {
    switch (effect.type) {
      case 'build':
        return this.#change((engine) => this.#build(engine, effect));
      case 'sendState':
        return this.#laterIn(effect.generation, async (engine) => this.#sendState(engine, effect));
      case 'adopt':
        return this.#change((engine) => this.#adopt(engine, effect));
      case 'hash':
        return this.#laterIn(effect.generation, async (engine) => hash(engine, effect));
      case 'compute':
        return this.#laterIn(effect.generation, (engine) => this.#compute(engine, effect));
      case 'apply':
        return this.#change(async (engine) => void (await engine.apply(effect.step, effect.learningRate)));
      case 'evaluate':
        return this.#laterIn(effect.generation, (engine) => evaluate(engine, effect));
      case 'keepBest':
        return this.#change(async (engine) => void engine.keepBest());
      case 'restoreBest':
        return this.#change(async (engine) => void (await engine.restoreBest()));
      case 'correctBiases':
        return this.#change(async (engine) => void (await engine.correctBiases()));
      case 'export':
        return this.#later(async () => {
          const model = await this.#loaded.exportModel();
          return { type: 'exported', generation: effect.generation, model };
        });
      case 'captureState':
        this.#copying = this.#capture(effect, coordinator, this.#copying);
        return void this.#copying.catch((error: unknown) => this.#fail(error));
    }
  }

  get #loaded(): Engine {
    return this.#engine!;
  }

  /** Performs work after earlier requests; work that throws is a failure. */
  #later(work: () => Promise<WorkerEvent | undefined>): void {
    this.#work = this.#work
      .then(work)
      .then((event) => event && this.options.dispatch(event))
      .catch((error: unknown) => this.#fail(error));
  }

  /** Like #later, for work that changes the state. */
  #change(work: (engine: Engine) => Promise<WorkerEvent | undefined>): void {
    const copying = this.#copying;
    this.#copying = undefined;
    this.#later(async () => {
      if (copying) await this.#untilCopied(copying);
      return work(this.#loaded);
    });
    this.#changed = this.#work;
  }

  /** Like #later, unless the generation is over by then. */
  #laterIn(generation: number, work: (engine: Engine) => Promise<WorkerEvent | undefined>): void {
    this.#later(async () => (generation < Number(this.options.generation[0]) ? undefined : work(this.#loaded)));
  }

  #fail(error: unknown): void {
    this.options.fail(toErrorRecord(error));
  }

  /** Lets messages arrive: an engine that computes without a pause would hear nothing. */
  async #yieldToEvents(): Promise<void> {
    const { clock } = this.options;
    if (clock.now() - this.#yieldedMs < limits.yieldIntervalMs) return;
    await new Promise<void>((resolve) => void clock.after(0, resolve));
    this.#yieldedMs = clock.now();
  }

  async #build(engine: Engine, { phase, teacher }: Effect<'build'>): Promise<WorkerEvent> {
    this.#phase = phase;
    this.#order = undefined;
    return { type: 'built', phase, ...(await engine.build(phase, teacher)) };
  }

  #taskOf({ step, subtrees, scratch }: Effect<'compute'>): ComputeTask {
    invariant(this.#phase, 'a phase is built');
    const { schedule, trainSet } = this.#phase;
    const epoch = Math.floor(step / stepsPerEpoch(schedule));
    if (this.#order?.epoch !== epoch) this.#order = { epoch, order: epochOrder(schedule, epoch) };
    const { order } = this.#order;
    const ranks = subtrees.flatMap(({ span: { lo, hi } }) =>
      Array.from({ length: hi - lo }, (_, i) => ({
        rank: lo + i,
        rows: roundRowsOf(order, schedule, { step, rank: lo + i }),
      })),
    );
    return { step, subtrees, scratch, epoch, batch: roundRows(schedule, step), ranks, order, set: trainSet };
  }

  async #compute(engine: Engine, effect: Effect<'compute'>): Promise<WorkerEvent> {
    const { clock } = this.options;
    const startedMs = clock.now();
    const waitedBeforeMs = engine.waitedMs;
    const { generation } = effect;
    const task = this.#taskOf(effect);
    await engine.compute(task, {
      isOver: () => generation < Number(this.options.generation[0]),
      onStepped: () => this.options.dispatch({ type: 'stepped', generation }),
      onSummed: (subtree) => {
        const { lo, hi } = effect.subtrees[subtree].span;
        const ledgers = task.ranks
          .filter(({ rank }) => lo <= rank && rank < hi)
          .map(({ rows }) => countRows(emptyLedger, rows));
        this.options.dispatch({ type: 'summed', generation, subtree, ledgers });
      },
    });
    return {
      type: 'computed',
      generation,
      ms: clock.now() - startedMs,
      waitedMs: engine.waitedMs - waitedBeforeMs,
    };
  }

  #sendState(engine: Engine, { generation, training, to }: Effect<'sendState'>): undefined {
    const parts = trainingParts(training, engine.stateBuffers());
    const frames = stateFrames(generation, [...parts, hashOf(parts)]);
    this.options.send(
      generation,
      to.flatMap((index) => frames.map((frame) => ({ to: index, frame }))),
    );
  }

  async #adopt(engine: Engine, { generation, held, bytes, isSealed }: Effect<'adopt'>): Promise<WorkerEvent> {
    const state = isSealed ? bytes.subarray(0, bytes.byteLength - digestBytes) : bytes;
    if (isSealed && !hashOf([state]).equals(bytes.subarray(bytes.byteLength - digestBytes)))
      return { type: 'notAdopted', generation, reason: 'the training state arrived with bytes that were not sent' };
    let training: TrainingState;
    try {
      const read = readTraining(state, 'the training state');
      ({ training } = read);
      if (training.phase !== held.phase || training.ops !== held.ops)
        throw new StillhouseError(
          'CHECKPOINT_CORRUPT',
          `the training state is at operation ${training.ops} of the ${training.phase}, not ${held.ops} of the ` +
            held.phase,
        );
      await engine.adoptState(read.buffers);
    } catch (error) {
      // A peer that sends another state than it has reported must not end the run.
      if (!isSealed || !(error instanceof StillhouseError)) throw error;
      return { type: 'notAdopted', generation, reason: error.message };
    }
    this.options.log(`took over the ${training.phase} at step ${training.step}, ${bytes.byteLength} bytes`);
    return { type: 'adopted', generation, training };
  }

  /** Has the state copied while this worker continues to compute: the state stays the same until the next change. */
  async #capture(
    { id, key, training }: Effect<'captureState'>,
    address: string,
    before: Promise<Copied> | undefined,
  ): Promise<Copied> {
    const { clock, uploader } = this.options;
    await Promise.all([this.#changed, before]);
    const startedMs = clock.now();
    const parts = trainingParts(training, this.#loaded.stateBuffers());
    const copied = uploader.take({
      id,
      key,
      held: { phase: training.phase, ops: training.ops },
      parts,
      address,
    });
    const busyMs = clock.now() - startedMs;
    await copied;
    return { bytes: lengthOf(parts), busyMs };
  }

  async #untilCopied(copying: Promise<Copied>): Promise<void> {
    const { clock, log } = this.options;
    const startedMs = clock.now();
    const { bytes, busyMs } = await copying;
    log(`copied ${bytes} bytes for a checkpoint`, { busyMs, waitedMs: clock.now() - startedMs });
  }
}

function hash(engine: Engine, { generation, training }: Effect<'hash'>): WorkerEvent {
  const stateSha256 = hashOf(trainingParts(training, engine.stateBuffers())).toString('hex');
  return { type: 'hashed', generation, stateSha256, weightsSha256: engine.weightsSha256() };
}

async function evaluate(engine: Engine, effect: Effect<'evaluate'>): Promise<WorkerEvent> {
  const values = await engine.evaluate(effect);
  return { type: 'evaluated', generation: effect.generation, values, weightsSha256: engine.weightsSha256() };
}

/** The engine's half in the same thread. */
export const localEngine =
  (options: LocalEngineOptions) =>
  (reports: EngineReports): EngineHost =>
    new EngineShell({ ...options, ...reports });
