// What the loss slots of a step say about numbers that are not finite, before the optimiser touches the weights.
import type { ErrorRecord } from '../error/errors.js';
import type { Phase } from '../job/job.js';

/** A step that cannot be taken. */
export interface NotFinite {
  /** The first rank whose loss or gradient is not finite. */
  readonly rank: number;
  readonly error: ErrorRecord & { readonly code: 'LOSS_NOT_FINITE' };
}

/**
 * @param losses of all ranks
 * @param of.stepOf the step that a rank's numbers are about; of a round, the one that failed
 * @returns undefined if all of them are finite
 */
export function notFiniteIn(
  losses: Float32Array,
  { phase, stepOf }: { readonly phase: Pick<Phase, 'name' | 'sync'>; readonly stepOf: (rank: number) => number },
): NotFinite | undefined {
  const rank = losses.findIndex((loss) => !Number.isFinite(loss));
  if (rank < 0) return undefined;
  // Between exchanges a rank also steps weights of its own.
  const what = phase.sync ? 'loss, gradient or a weight' : 'loss or gradient';
  const message = `the ${what} of the ${phase.name} is not a finite number at step ${stepOf(rank)}, rank ${rank}`;
  return { rank, error: { code: 'LOSS_NOT_FINITE', message } };
}
