// The half of a worker that has the engine, as the other half sees it: what is asked of it, and what it reports.
import type { ErrorRecord, Job } from '@stillhouse/core';
import type { Outgoing, WorkerEffect, WorkerEvent } from '@stillhouse/core/cluster';
import type { FetchBlock } from '../block/fetch-block.js';
import type { Engine } from '../engine/engine.js';

/** One kind of effect. */
export type Effect<Type extends WorkerEffect['type']> = WorkerEffect & { type: Type };

export type EngineEffect = Effect<
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

export type LoadedEngine = Pick<Engine, 'fingerprint' | 'choice'>;

export interface EngineHost {
  /** Loads an engine that fits the job; effects wait until then. */
  load(job: Job, fetchBlock: FetchBlock): Promise<LoadedEngine>;
  /**
   * Performs an effect after those before it.
   * @param coordinator address to which a checkpoint is sent
   */
  perform(effect: EngineEffect, coordinator: string): void;
  close(): void;
}

export interface EngineReports {
  /**
   * The newest generation, in shared memory: a busy engine sees at once that work for earlier ones is not needed any
   * more.
   */
  readonly generation: BigInt64Array;
  readonly dispatch: (event: WorkerEvent) => void;
  readonly fail: (error: ErrorRecord) => void;
  /** Frames for other members. */
  readonly send: (generation: number, frames: readonly Outgoing[]) => void;
}
