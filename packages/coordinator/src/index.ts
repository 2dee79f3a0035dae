// @stillhouse/coordinator: rendezvous, phases, data blocks, run folder.
export { RepairedBlocks } from './repaired-blocks.js';
export { assembleJob } from './assemble-job.js';
export { endRecord, hashJson, incidentOf, isSameJob, recordNotice, startRecord } from './record.js';
export { startCoordinator, type CoordinatorShellOptions, type RunningCoordinator } from './run-coordinator.js';
export type { CheckpointSink, RunStore } from './run-store.js';
export { RunFolder, type CoordinatorSecrets } from './run-folder.js';
export { findTeacher, type FoundTeacher } from './teacher-files.js';
export { modelMetadata, type ModelMetadata } from './metadata.js';
