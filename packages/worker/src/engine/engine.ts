// What the worker's loop needs of an engine. One implementation computes with TFJS; simulations bring their own.
import type {
  Calibration,
  ExportedModel,
  FlatLayout,
  Job,
  Metrics,
  MetricSums,
  NamedBuffer,
  Phase,
  WorkerEffect,
} from '@stillhouse/core';
import type { FetchBlock } from '../block/fetch-block.js';

export type ComputeTask = Omit<Extract<WorkerEffect, { type: 'compute' }>, 'type' | 'generation'>;
export type EvaluateTask = Omit<Extract<WorkerEffect, { type: 'evaluate' }>, 'type' | 'generation'>;

/** What a phase's model is to the loop. */
export interface BuiltPhase {
  readonly layout: FlatLayout;
  readonly flatGradient: Float32Array;
  /** What the teacher's logits are divided by first. */
  readonly calibration?: Calibration | undefined;
  /** Test metrics of a pretrained teacher, where its outputs are learnt from. */
  readonly teacherTest?: Metrics | undefined;
}

export interface Engine {
  readonly fingerprint: string;
  /** Which backend it computes on, and why: one line for people. */
  readonly choice: string;
  /**
   * Builds the phase's model with its start weights; `flatGradient` is the buffer into which gradients are summed over all ranks.
   * @param teacher SHA-256 of the weights of the teacher that a student learns from
   */
  build(phase: Phase, teacher: string | undefined): Promise<BuiltPhase>;
  /** Milliseconds that steps and evaluations have waited for data. */
  readonly waitedMs: number;
  /** Sums the contributions of the ranks of each subtree; the buffers belong to the engine until the next call. */
  compute(task: ComputeTask): Promise<readonly Float32Array[]>;
  /**
   * Steps the optimiser with the gradient in `flatGradient`.
   * @throws StillhouseError LOSS_NOT_FINITE if weights overflow; the model then keeps those of the step before
   */
  apply(step: number, learningRate: number): Promise<void>;
  evaluate(task: EvaluateTask): Promise<Map<number, MetricSums>>;
  /** SHA-256 of the trainable weights. */
  weightsSha256(): string;
  /** Keeps a copy of the weights, or goes back to it. */
  keepBest(): void;
  restoreBest(): Promise<void>;
  /** Shifts the biases of a student's last layer until it believes in each class as often as its teacher. */
  correctBiases(): Promise<void>;
  /** Everything that a phase's training changes: views that hold until the next step, best of memory that threads share. */
  stateBuffers(): NamedBuffer[];
  /**
   * Takes over what another engine's stateBuffers() were.
   * @throws StillhouseError CHECKPOINT_CORRUPT if they do not fit the model
   */
  adoptState(buffers: readonly NamedBuffer[]): Promise<void>;
  exportModel(): Promise<ExportedModel>;
  /** Lets go of all models; the engine is of no use after it. */
  dispose(): Promise<void>;
}

/**
 * @param yieldToEvents to be awaited between pieces of work: lets what has come in be heard, if it is time for that
 */
export type EngineFactory = (job: Job, fetchBlock: FetchBlock, yieldToEvents: () => Promise<void>) => Promise<Engine>;
