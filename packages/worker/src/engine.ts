// What the worker's loop needs of an engine. One implementation computes with TFJS; simulations bring their own.
import type { ExportedModel, FlatLayout, Job, MetricSums, Phase, WorkerEffect } from '@stillhouse/core';

export type ComputeTask = Extract<WorkerEffect, { type: 'compute' }>;
export type EvaluateTask = Extract<WorkerEffect, { type: 'evaluate' }>;

export interface Engine {
  readonly fingerprint: string;
  /** Which backend it computes on, and why: one line for people. */
  readonly choice: string;
  /** Builds the phase's model; `sum` is the buffer into which gradients are summed over all ranks. */
  prepare(phase: Phase): Promise<{ layout: FlatLayout; sum: Float32Array; weightsSha256: string }>;
  /** Sums the contributions of the ranks of each subtree; the buffers belong to the engine until the next call. */
  compute(task: ComputeTask): Promise<readonly Float32Array[]>;
  /**
   * Steps the optimiser with the gradient in `sum`.
   * @throws StillhouseError LOSS_NOT_FINITE if weights overflow; the model then keeps those of the step before
   */
  apply(step: number, learningRate: number): Promise<void>;
  evaluate(task: EvaluateTask): Promise<{ values: Map<number, MetricSums>; weightsSha256: string }>;
  /** Keeps a copy of the weights, or goes back to it. */
  snapshot(): void;
  restore(): Promise<void>;
  exportModel(): Promise<ExportedModel>;
}

export type EngineFactory = (job: Job, fetchBlock: (hash: string) => Promise<Uint8Array>) => Promise<Engine>;
