// @stillhouse/worker: engines, training step, peer mesh.
// @stillhouse/worker/light exports what needs no TFJS.
export { openInferenceBackend, type Backend } from './backend/open-backend.js';
export type { BackendName, ConcreteBackendName } from './backend/registry.js';
export type { FetchBlock } from './block/fetch-block.js';
export type { Capture, StateUploader } from './checkpoint/state-upload.js';
export { openPretrained } from './distill/teacher/pretrained.js';
export type {
  BuiltPhase,
  ComputeTask,
  ComputeWatch,
  Engine,
  EngineFactory,
  EvaluateTask,
  RankRows,
} from './engine/engine.js';
export type { ProbedModel } from './engine/probe.js';
export { probeModels, type ProbedJob } from './engine/probe-models.js';
export { tfjsEngine, type EngineOptions } from './engine/tfjs-engine.js';
export { evaluateRows, type EvaluatedRows } from './model/evaluate.js';
export { loadModel } from './model/model-file.js';
export { predictOf, type Predict } from './model/predict.js';
export { localEngine, type LocalEngineOptions } from './run/engine-shell.js';
export type { Effect, EngineEffect, EngineHost, EngineReports, LoadedEngine } from './run/engine-host.js';
export { serveEngine } from './run/engine-thread.js';
export type { LocalAddress, MeshWish } from './run/mesh-addresses.js';
export { startWorker, type RunningWorker, type WorkerOptions } from './run/run-worker.js';
export { timePhases, type PhaseTimingOptions, type TimedPhase } from './run/time-phases.js';
export { trainPhase } from './run/train-phase.js';
