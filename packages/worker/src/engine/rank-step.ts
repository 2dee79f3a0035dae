// The pass of a rank from and into host memory: op by op, or recorded once per shape as a graph that runs as one call.
import { StillhouseError, type Precision } from '@stillhouse/core';
import { GraphSession, nativeTracing, TraceError, type TracedCall } from '@stillhouse/native/engines';
import type { FlatModel } from '../flat/model.js';
import { batchInputsOf, drawsOf, passEagerly, recordPass, shapesOf, type Pass } from './pass.js';

export interface StepOptions {
  /** Whether steps may be recorded as graphs. */
  readonly trace: boolean;
  readonly precision: Precision;
  /** Called once with the reason why steps stay eager although the engine could record them. */
  readonly onEager: (reason: string) => void;
}

/** @throws StillhouseError MODEL_INVALID if steps must be recorded for what was asked for */
export function refuseEagerHalf(precision: Precision, reason: string): void {
  if (precision === 'bf16')
    throw new StillhouseError('MODEL_INVALID', `precision bf16 needs steps that can be recorded, but ${reason}`);
}

export class RankStep {
  readonly #calls = new Map<string, TracedCall>();
  #session: GraphSession | undefined;
  #isEager: boolean;

  constructor(
    private readonly flat: FlatModel,
    private readonly options: StepOptions,
  ) {
    this.#isEager = !options.trace || nativeTracing() === undefined;
  }

  /**
   * @param outputs one number; then one buffer for each trainable weight's gradient, and for each other weight
   * @returns whether all outputs are finite
   */
  async run(pass: Pass, outputs: readonly Float32Array[]): Promise<boolean> {
    if (!this.#isEager) {
      try {
        return this.#runTraced(pass, outputs);
      } catch (error) {
        if (!(error instanceof TraceError)) throw error;
        refuseEagerHalf(this.options.precision, error.message);
        this.#isEager = true;
        this.options.onEager(error.message);
      }
    }
    this.flat.load();
    return passEagerly(this.flat, pass, outputs);
  }

  dispose(): void {
    this.#session?.close();
    this.#session = undefined;
    this.#calls.clear();
  }

  #runTraced(pass: Pass, outputs: readonly Float32Array[]): boolean {
    const { flat } = this;
    const shapes = shapesOf(pass.batch);
    let call = this.#calls.get(shapes);
    if (!call) {
      flat.load();
      this.#session ??= new GraphSession(nativeTracing()!);
      call = recordPass(flat, pass.batch, this.options.precision).in(this.#session);
      this.#calls.set(shapes, call);
    }
    return call.run({
      inputs: [...flat.views(), Float32Array.of(pass.share), ...batchInputsOf(pass)],
      outputs,
      ...drawsOf(flat, pass),
    });
  }
}
