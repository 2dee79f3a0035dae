// The layout of the flat buffer that is summed over ranks: gradient, other weights, one loss per rank, then each rank's
// account of the operation. Only the rank itself writes its slots, so the sum passes them to all workers unchanged.
import type { Ledger } from '../order/ledger.js';

export interface FlatLayout {
  readonly gradients: number;
  readonly otherWeights: number;
}

/**
 * Rows and the two sums of the ledger, each as two halves of 16 bits, which fp32 represents exactly; then what the rank
 * signals: 1 to stop, plus twice the number of the local step that failed, counted from 1.
 */
const accountSlots = 7;
const signalSlot = 6;
/** Numbers per rank after gradient and other weights. */
export const slotsPerRank = 1 + accountSlots;

export interface RankAccount {
  readonly ledger: Ledger;
  /** Whether the rank's worker wants all workers to stop when this operation is done. */
  readonly yields: boolean;
  /** The step of its round, counted from 0, whose numbers are not finite; absent if there is none. */
  readonly failedStep?: number;
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
  { ledger, yields }: Omit<RankAccount, 'failedStep'>,
): void {
  const slots = accountOf(flat, layout, at);
  const failed = slots[signalSlot]! - (slots[signalSlot]! % 2);
  slots.set([...halves(ledger.rows), ...halves(ledger.sumA), ...halves(ledger.sumB), failed + (yields ? 1 : 0)]);
}

/** Notes in which step of its round, counted from 0, a rank has met numbers that are not finite. */
export function noteFailedStep(
  flat: Float32Array,
  layout: FlatLayout,
  at: { ranks: number; rank: number; step: number },
): void {
  accountOf(flat, layout, at)[signalSlot] = 2 * (at.step + 1);
}

export function readAccount(flat: Float32Array, layout: FlatLayout, at: { ranks: number; rank: number }): RankAccount {
  const slots = accountOf(flat, layout, at);
  const signal = slots[signalSlot]!;
  return {
    ledger: { rows: whole(slots, 0), sumA: whole(slots, 2), sumB: whole(slots, 4) },
    yields: signal % 2 !== 0,
    ...(signal < 2 ? {} : { failedStep: Math.floor(signal / 2) - 1 }),
  };
}
