// What the worker's loop needs from an engine. One implementation computes with TFJS; simulations have their own.
import type { ExportedModel, Job, Phase, SetName } from '@stillhouse/core';
import type { Calibration, Metrics, MetricSums } from '@stillhouse/core/training';
import type { EpochOrder, FlatLayout, NamedBuffer, RowIds, SumMemory, WorkerEffect } from '@stillhouse/core/cluster';
import type { FetchBlock } from '../block/fetch-block.js';

export interface RankRows {
  readonly rank: number;
  /** Of the step, or of all steps of the round, one after the other. */
  readonly rows: RowIds;
}

/** What a worker's ranks contribute to a step, or to the round of steps that begins with it. */
export interface ComputeTask extends Pick<WorkerEffect & { type: 'compute' }, 'step' | 'subtrees' | 'scratch'> {
  readonly epoch: number;
  /** Rows of the step's global batch, or of all of the round's. */
  readonly batch: number;
  /** The rows of each rank of the subtrees. */
  readonly ranks: readonly RankRows[];
  readonly order: EpochOrder;
  readonly set: SetName;
}

/** What happens while ranks compute. */
export interface ComputeWatch {
  /** A subtree is summed, by its index. */
  onSummed?(subtree: number): void;
  /** A micro-batch of a round is done, and more of them follow. */
  onStepped?(): void;
  /** Whether nobody needs the contributions any more: the rest is then left out. */
  isOver?(): boolean;
}

export type EvaluateTask = Omit<Extract<WorkerEffect, { type: 'evaluate' }>, 'type' | 'generation'>;

/** What the loop needs to know of a phase's model. */
export interface BuiltPhase {
  readonly layout: FlatLayout;
  readonly flatGradient: Float32Array;
  /** Where sums lie that are added up to `flatGradient`. */
  readonly memory: SumMemory;
  /** The temperature that the teacher's logits are divided by, if it is calibrated. */
  readonly calibration?: Calibration | undefined;
  /** Test metrics of a pretrained teacher, if the student learns from its outputs. */
  readonly teacherTest?: Metrics | undefined;
}

export interface Engine {
  readonly fingerprint: string;
  /** Which backend it computes on, and why: one line for people. */
  readonly choice: string;
  /**
   * Builds the phase's model with its initial weights; `flatGradient` is the buffer into which gradients are summed
   * over all ranks.
   * @param teacher SHA-256 of the weights of the teacher that a student learns from
   */
  build(phase: Phase, teacher: string | undefined): Promise<BuiltPhase>;
  /** Milliseconds that steps and evaluations have waited for data. */
  readonly waitedMs: number;
  /**
   * Sums the contributions of the ranks of each subtree into its buffer. A sum whose buffer is `flatGradient` goes to
   * no other worker: the engine may keep its numbers to itself until `apply`, except for those after the gradient and
   * the non-trainable weights. If the phase has rounds, a rank first takes all steps of the round by itself, from the
   * weights that all have, and contributes what it has changed. The state
   * that workers share stays as it is.
   */
  compute(task: ComputeTask, watch?: ComputeWatch): Promise<void>;
  /**
   * Steps the weights of all with the gradient in `flatGradient`: by the phase's optimiser, or after a round by the
   * outer one.
   * @throws StillhouseError LOSS_NOT_FINITE if weights overflow; if the state is in host memory, the model then keeps
   *   those of the previous step; on a device, they are of no use any more
   */
  apply(step: number, learningRate: number): Promise<void>;
  evaluate(task: EvaluateTask): Promise<Map<number, MetricSums>>;
  /** SHA-256 of the trainable weights. */
  weightsSha256(): string;
  /** Keeps a copy of the weights, or restores it. */
  keepBest(): void;
  restoreBest(): Promise<void>;
  /** Shifts the biases of a student's last layer until its mean probability of each class is its teacher's. */
  correctBiases(): Promise<void>;
  /**
   * Everything that a phase's training changes: views that are valid until the next step, preferably of shared memory.
   */
  stateBuffers(): NamedBuffer[];
  /**
   * Adopts the stateBuffers() of another engine.
   * @throws StillhouseError CHECKPOINT_CORRUPT if they do not fit the model
   */
  adoptState(buffers: readonly NamedBuffer[]): Promise<void>;
  exportModel(): Promise<ExportedModel>;
  /** Disposes of all models; the engine cannot be used afterwards. */
  dispose(): Promise<void>;
}

/**
 * @param yieldToEvents must be awaited between pieces of work; lets messages be handled, if it is time for that
 */
export type EngineFactory = (job: Job, fetchBlock: FetchBlock, yieldToEvents: () => Promise<void>) => Promise<Engine>;
