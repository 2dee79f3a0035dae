// @stillhouse/coordinator: rendezvous, phases, data blocks, run folder.
export { assembleJob, openRecipe, prepareData } from './assemble-job.js';
export { checkSetIndices } from './check-indices.js';
export { modelMetadata, type StoredMetadata } from './metadata.js';
export {
  endRecord,
  hashJson,
  incidentOf,
  isSameJob,
  recordNotice,
  resumeRecord,
  startRecord,
  type RunStart,
} from './record.js';
export { RepairedBlocks } from './repaired-blocks.js';
export { startCoordinator, type CoordinatorShellOptions, type RunningCoordinator } from './run-coordinator.js';
export {
  readDataFiles,
  readRunRecord,
  recordFile,
  RunFolder,
  type CheckpointKey,
  type CoordinatorSecrets,
} from './run-folder.js';
export type { CheckpointSink, RunStore } from './run-store.js';
