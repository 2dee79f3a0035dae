// @stillhouse/contract: tests that every implementation of a port passes, free of any test framework.
export type { ContractTest, Make } from './contract-test.js';
export { engineContract, type EngineSubject } from './engine.js';
export { launcherContract, type LauncherSubject } from './launcher.js';
export { runStoreContract, type RunStoreSubject } from './run-store.js';
export { sourceContract, type SourceSubject } from './source.js';
export { transportContract, type TransportSubject } from './transport.js';
