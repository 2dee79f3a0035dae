// @stillhouse/worker: engines, training step, peer mesh.
export { backendNames, openBackend, openInferenceBackend, type BackendName } from './backend.js';
export type { ComputeTask, Engine, EngineFactory, EvaluateTask, FetchBlock } from './engine.js';
export { loadModel } from './model-file.js';
export { startWorker, type RunningWorker, type WorkerOptions } from './run-worker.js';
export { trainPhase } from './train-phase.js';
export { evaluateRows } from './evaluate.js';
export { openPretrained, predictOf, predictRows, type Predict } from './predict.js';
export { tfjsEngine, type EngineOptions } from './tfjs-engine.js';
