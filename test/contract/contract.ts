// A contract's tests as vitest's.
import { test } from 'vitest';
import type { ContractTest } from '@stillhouse/contract';

export function runContract(tests: readonly ContractTest[]): void {
  for (const { name, run } of tests) test(name, run);
}
