// A model in one of the formats, with its size, quality and speed.
import type { WeightFormat } from '@stillhouse/core';
import type { Metrics } from '@stillhouse/core/training';
import type { BackendName } from '@stillhouse/worker/light';

export interface CompressedModel {
  /** Run and model that it comes from. */
  readonly from: string;
  readonly format: WeightFormat;
  readonly folder: string;
  /** Size of the weights; gzipped as a server would send them. */
  readonly bytes: number;
  readonly gzippedBytes: number;
  /** Share of the weights that are 0. */
  readonly sparsity: number;
  readonly metrics: Metrics;
  /** Share of wrong rows, or rmse, with its 95 % interval over test rows. */
  readonly error: number;
  readonly interval: readonly [low: number, high: number];
  /** Milliseconds for one row at a time, by backend. */
  readonly rowMs: Partial<Record<BackendName, number>>;
  /** Whether no other model is both smaller, gzipped, and better. */
  readonly isFront: boolean;
}
