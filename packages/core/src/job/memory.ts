// Roughly what a worker's memory holds for a phase, from the sizes of its model.
import { optimizerOf } from '../optimizer/optimizers.js';
import type { Phase } from './job.js';

/** Bytes, without those of the engine itself and of blocks of data. */
export interface PhaseMemory {
  /** Weights, twice: a step writes the next ones next to them. */
  readonly weights: number;
  readonly gradient: number;
  readonly optimizer: number;
  /** Inputs of one rank's part of a batch, and the outputs of all layers with their gradients. */
  readonly batch: number;
  readonly total: number;
}

/** Numbers that a model has. */
export interface ModelSizes {
  readonly trained: number;
  readonly others: number;
  readonly inputsPerRow: number;
  /** Outputs of all layers. */
  readonly outputsPerRow: number;
}

const numberBytes = 4;

export function phaseMemory({ config, distill, schedule, sync }: Phase, sizes: ModelSizes): PhaseMemory {
  const { trained, others, inputsPerRow, outputsPerRow } = sizes;
  const added = distill?.transfer.reduce((sum, { rows }) => sum + rows, 0) ?? 0;
  const rows = Math.ceil((schedule.batch / schedule.ranks) * (1 + added));
  // Between exchanges a rank has weights, gradient and optimiser of its own.
  const copies = sync ? 2 : 1;
  const states = optimizerOf(config.optimizer).stateCount(config.optimizer);
  const moments = sync?.moments === 'mean' ? states : 0;
  const velocities = sync && sync.outer.momentum > 0 ? 1 : 0;
  const numbers = {
    weights: copies * (2 * trained + others),
    gradient: copies * (trained + others) + moments * trained,
    optimizer: (states + moments + velocities) * trained,
    batch: rows * (inputsPerRow + 2 * outputsPerRow),
  };
  const bytes = {
    weights: numberBytes * numbers.weights,
    gradient: numberBytes * numbers.gradient,
    optimizer: numberBytes * numbers.optimizer,
    batch: numberBytes * numbers.batch,
  };
  return { ...bytes, total: bytes.weights + bytes.gradient + bytes.optimizer + bytes.batch };
}
