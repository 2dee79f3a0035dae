// The half of the worker's shell that has the engine. It performs the effects that need the engine one after the other,
// so none sees a state that another is changing.
import { createHash } from 'node:crypto';
import { StillhouseError } from '@stillhouse/core';
import {
  lengthOf,
  readTraining,
  stateFrames,
  trainingParts,
  type Clock,
  type Outgoing,
  type TrainingState,
  type WorkerEffect,
  type WorkerEvent,
} from '@stillhouse/core/cluster';
import type { StateUploader } from '../checkpoint/state-upload.js';
import type { Engine } from '../engine/engine.js';

/** One kind of effect. */
export type Effect<Type extends WorkerEffect['type']> = WorkerEffect & { type: Type };

type EngineEffect = Effect<
  | 'build'
  | 'sendState'
  | 'adopt'
  | 'hash'
  | 'compute'
  | 'apply'
  | 'evaluate'
  | 'keepBest'
  | 'restoreBest'
  | 'correctBiases'
  | 'export'
  | 'captureState'
>;

export interface EngineShellOptions {
  readonly clock: Clock;
  readonly uploader: StateUploader;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
  readonly dispatch: (event: WorkerEvent) => void;
  readonly fail: (error: unknown) => void;
  /** Whether a generation is still current. */
  readonly isIn: (generation: number) => boolean;
  /** Sends frames to other members. */
  readonly send: (generation: number, frames: readonly Outgoing[]) => void;
  /** Address of the coordinator, to which checkpoints are sent. */
  readonly coordinator: () => string;
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

export class EngineShell {
  #engine: Engine | undefined;
  /** Resolves when all requested work is done. */
  #work: Promise<void> = Promise.resolve();
  /** Resolves once the last requested change of the state is done. */
  #changed: Promise<void> = Promise.resolve();
  /** A copy for a checkpoint that the next change has to wait for. */
  #copying: Promise<Copied> | undefined;

  constructor(private readonly options: EngineShellOptions) {}

  /** Loads the engine; all other requests wait until then. */
  load(work: () => Promise<{ engine: Engine; event: WorkerEvent }>): void {
    this.#later(async () => {
      const { engine, event } = await work();
      this.#engine = engine;
      return event;
    });
  }

  perform(effect: EngineEffect): void {
    switch (effect.type) {
      case 'build':
        return this.#change((engine) => build(engine, effect));
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
        this.#copying = this.#capture(effect, this.#copying);
        return void this.#copying.catch(this.options.fail);
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
      .catch(this.options.fail);
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
    this.#later(async () => (this.options.isIn(generation) ? work(this.#loaded) : undefined));
  }

  async #compute(engine: Engine, effect: Effect<'compute'>): Promise<WorkerEvent> {
    const { clock } = this.options;
    const startedMs = clock.now();
    const waitedBeforeMs = engine.waitedMs;
    const { generation } = effect;
    await engine.compute(effect, (subtree) => this.options.dispatch({ type: 'summed', generation, subtree }));
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
  async #capture({ id, key, training }: Effect<'captureState'>, before: Promise<Copied> | undefined): Promise<Copied> {
    const { clock, coordinator, uploader } = this.options;
    await Promise.all([this.#changed, before]);
    const startedMs = clock.now();
    const parts = trainingParts(training, this.#loaded.stateBuffers());
    const copied = uploader.take({
      id,
      key,
      held: { phase: training.phase, ops: training.ops },
      parts,
      address: coordinator(),
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

async function build(engine: Engine, { phase, teacher }: Effect<'build'>): Promise<WorkerEvent> {
  return { type: 'built', phase, ...(await engine.build(phase, teacher)) };
}

function hash(engine: Engine, { generation, training }: Effect<'hash'>): WorkerEvent {
  const stateSha256 = hashOf(trainingParts(training, engine.stateBuffers())).toString('hex');
  return { type: 'hashed', generation, stateSha256, weightsSha256: engine.weightsSha256() };
}

async function evaluate(engine: Engine, effect: Effect<'evaluate'>): Promise<WorkerEvent> {
  const values = await engine.evaluate(effect);
  return { type: 'evaluated', generation: effect.generation, values, weightsSha256: engine.weightsSha256() };
}
