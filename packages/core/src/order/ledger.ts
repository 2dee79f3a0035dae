// Proof that every row was used exactly once per epoch: a count and a digest of row ids that does not depend on their
// order. Two sums mod 2^32 of independent hashes; adding ledgers of different ranks gives the ledger of the whole.
import { hashWords } from '../random/random.js';
import type { RowIds } from './row.js';

export interface Ledger {
  readonly rows: number;
  readonly sumA: number;
  readonly sumB: number;
}

export const emptyLedger: Ledger = { rows: 0, sumA: 0, sumB: 0 };

/** Whether numbers that somebody claims are those of a ledger. */
export const isLedger = ({ rows, sumA, sumB }: Ledger): boolean =>
  [rows, sumA, sumB].every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32);

export function countRows(ledger: Ledger, rowIds: RowIds): Ledger {
  let { sumA, sumB } = ledger;
  for (let i = 0; i < rowIds.length; i++) {
    const id = rowIds[i]!;
    sumA = (sumA + hashWords(id, 0xa)) >>> 0;
    sumB = (sumB + hashWords(id, 0xb)) >>> 0;
  }
  return { rows: ledger.rows + rowIds.length, sumA, sumB };
}

export function addLedgers(a: Ledger, b: Ledger): Ledger {
  return { rows: a.rows + b.rows, sumA: (a.sumA + b.sumA) >>> 0, sumB: (a.sumB + b.sumB) >>> 0 };
}

/** The ledger of an epoch that uses each of the row ids first … end − 1 once more than `before`. */
export function wholeLedger(end: number, first = 0, before = emptyLedger): Ledger {
  let { sumA, sumB } = before;
  for (let id = first; id < end; id++) {
    sumA = (sumA + hashWords(id, 0xa)) >>> 0;
    sumB = (sumB + hashWords(id, 0xb)) >>> 0;
  }
  return { rows: before.rows + end - first, sumA, sumB };
}

/** 16 hexadecimal digits. */
export function ledgerDigest(ledger: Ledger): string {
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  return hex(ledger.sumA) + hex(ledger.sumB);
}
