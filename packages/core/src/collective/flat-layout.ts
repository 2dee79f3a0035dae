// The layout of the flat buffer that is summed over ranks: gradient, other weights, one loss per rank, then each rank's
// account of the step. Only the rank itself writes its slots, so the sum passes them to all workers unchanged.
import type { Ledger } from '../order/ledger.js';

export interface FlatLayout {
  readonly gradients: number;
  readonly otherWeights: number;
}

/**
 * Rows and the two sums of the ledger, each as two halves of 16 bits, which fp32 represents exactly; then the stop
 * flag.
 */
const accountSlots = 7;
/** Numbers per rank after gradient and other weights. */
export const slotsPerRank = 1 + accountSlots;

export interface RankAccount {
  readonly ledger: Ledger;
  /** Whether the rank's worker wants all workers to stop when this step is done. */
  readonly yields: boolean;
}

const halves = (value: number): [number, number] => [Math.floor(value / 2 ** 16), value % 2 ** 16];
const whole = (slots: Float32Array, at: number): number => slots[at]! * 2 ** 16 + slots[at + 1]!;

/** The losses of all ranks in a buffer of this layout. */
export function lossesOf(flat: Float32Array, layout: FlatLayout, ranks: number): Float32Array {
  const first = layout.gradients + layout.otherWeights;
  return flat.subarray(first, first + ranks);
}

function accountOf(flat: Float32Array, layout: FlatLayout, at: { ranks: number; rank: number }): Float32Array {
  const first = layout.gradients + layout.otherWeights + at.ranks + at.rank * accountSlots;
  return flat.subarray(first, first + accountSlots);
}

export function writeAccount(
  flat: Float32Array,
  layout: FlatLayout,
  at: { ranks: number; rank: number },
  account: RankAccount,
): void {
  const { rows, sumA, sumB } = account.ledger;
  accountOf(flat, layout, at).set([...halves(rows), ...halves(sumA), ...halves(sumB), account.yields ? 1 : 0]);
}

export function readAccount(flat: Float32Array, layout: FlatLayout, at: { ranks: number; rank: number }): RankAccount {
  const slots = accountOf(flat, layout, at);
  return { ledger: { rows: whole(slots, 0), sumA: whole(slots, 2), sumB: whole(slots, 4) }, yields: slots[6] !== 0 };
}
