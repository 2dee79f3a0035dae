// @stillhouse/contract: tests that every implementation of an interface must pass, for any test framework.
export type { ContractTest } from './contract-test.js';
export { sourceContract, type SourceSubject } from './source.js';
