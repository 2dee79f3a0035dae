// Magnitude pruning while a model trains: at the end of each epoch the kernels' smallest numbers become 0, more with
// each epoch, and stay 0 (Zhu and Gupta 2017, equation 1, with all kernels ranked together).
import type { TrainingConfig } from '@stillhouse/core';
import type { FlatModel } from '../flat/model.js';

type PruneConfig = NonNullable<TrainingConfig['prune']>;

/** Share of the kernels' numbers that are 0 after an epoch, counted from 0. */
export function sparsityAt({ sparsity, from, to }: PruneConfig, epoch: number): number {
  if (epoch < from) return 0;
  const done = Math.min(1, (epoch - from + 1) / (to - from + 1));
  return sparsity * (1 - (1 - done) ** 3);
}

/** Views of the kernels: of the model's own trainable weights those with two dimensions or more. */
function kernelsOf({ model, views }: { model: FlatModel['model']; views: readonly Float32Array[] }): Float32Array[] {
  return model.trainableWeights.flatMap(({ shape }, i) => (shape.length >= 2 ? [views[i]] : []));
}

/** Sets the smallest numbers to 0, as many as the share requires; numbers that are already 0 are the smallest. */
export function pruneSmallest(kernels: readonly Float32Array[], share: number): void {
  const magnitudes = new Float32Array(kernels.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const kernel of kernels) {
    for (let i = 0; i < kernel.length; i++) magnitudes[offset + i] = Math.abs(kernel[i]);
    offset += kernel.length;
  }
  let wanted = Math.round(share * magnitudes.length);
  if (wanted === 0) return;
  const threshold = magnitudes.slice().sort()[wanted - 1];
  // Of several numbers equal to the threshold, the first ones.
  wanted -= magnitudes.reduce((count, value) => count + (value < threshold ? 1 : 0), 0);
  for (const kernel of kernels) {
    for (let i = 0; i < kernel.length; i++) {
      const magnitude = Math.abs(kernel[i]);
      if (magnitude < threshold || (magnitude === threshold && wanted-- > 0)) kernel[i] = 0;
    }
  }
}

/** Notes which numbers are 0. */
function noteZeros(kernel: Float32Array, zeros: Uint8Array): void {
  for (let i = 0; i < kernel.length; i++) zeros[i] = kernel[i] === 0 ? 1 : 0;
}

function setZeros(kernel: Float32Array, zeros: Uint8Array): void {
  for (let i = 0; i < kernel.length; i++) if (zeros[i] === 1) kernel[i] = 0;
}

/**
 * Keeps a model pruned from step to step: a function of only its weights and the step, so any worker can continue it.
 */
export class Pruning {
  #zeros: Uint8Array[] | undefined;

  constructor(
    private readonly config: PruneConfig,
    private readonly stepsPerEpoch: number,
  ) {}

  /** Takes the optimiser's step. */
  around(flat: FlatModel, step: number, apply: () => boolean): boolean {
    const before = kernelsOf({ model: flat.model, views: flat.views() });
    const zeros = (this.#zeros ??= before.map(({ length }) => new Uint8Array(length)));
    before.forEach((kernel, k) => noteZeros(kernel, zeros[k]));
    if (!apply()) return false;
    // After the step, because the step changes buffers.
    const kernels = kernelsOf({ model: flat.model, views: flat.views() });
    kernels.forEach((kernel, k) => setZeros(kernel, zeros[k]));
    if ((step + 1) % this.stepsPerEpoch === 0)
      pruneSmallest(kernels, sparsityAt(this.config, (step + 1) / this.stepsPerEpoch - 1));
    return true;
  }
}
