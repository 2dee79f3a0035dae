// @stillhouse/worker/light: what processes and threads around a worker need without loading TFJS, which takes as long
// as everything else that they load.
export {
  backendNames,
  backends,
  concreteBackendNames,
  inferenceBackend,
  inferenceBackendFor,
  type BackendEntry,
  type BackendName,
  type ConcreteBackendName,
} from './backend/registry.js';
export type { BackendKind } from './backend/backend.js';
export { StateUpload, type Capture, type StateUploader } from './checkpoint/state-upload.js';
export { allocateFlat, FlatSums, type FlatMemory, type Kernels, type SharedSums } from './flat/memory.js';
export type { Effect, EngineEffect, EngineHost, EngineReports, LoadedEngine } from './run/engine-host.js';
export { hostMemoryOf, type HostMemory, type OwnMemory } from './run/host-memory.js';
export { RemoteEngine } from './run/engine-thread.js';
export { Mesh, type MeshEvents, type MeshOptions } from './run/mesh.js';
export { addressIn, meshPlan, type LocalAddress, type MeshPlan, type MeshWish } from './run/mesh-addresses.js';
export { Routes, serveMeasure, type RoutesOptions } from './run/routes.js';
export type { PhaseTime } from './run/phase-time.js';
export { startWorker, type RunningWorker, type WorkerOptions } from './run/run-worker.js';
export type { WasmMemory } from './flat/webassembly.js';
