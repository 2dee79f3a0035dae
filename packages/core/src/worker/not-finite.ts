// What the loss slots of a step say about numbers that are not finite, before the optimiser touches the weights.
import type { ErrorRecord } from '../error/errors.js';
import type { PhaseName } from '../job/phase-name.js';

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
  { phase, stepOf }: { readonly phase: PhaseName; readonly stepOf: (rank: number) => number },
): NotFinite | undefined {
  const rank = losses.findIndex((loss) => !Number.isFinite(loss));
  if (rank < 0) return undefined;
  const message = `the loss or gradient of the ${phase} is not a finite number at step ${stepOf(rank)}, rank ${rank}`;
  return { rank, error: { code: 'LOSS_NOT_FINITE', message } };
}
