// @stillhouse/worker: engines, training step, peer mesh.
// @stillhouse/worker/light has what needs no TFJS.
export { openBackend, openInferenceBackend } from './backend/backend.js';
export type { BackendName } from './backend/names.js';
export type { Capture, StateUploader } from './checkpoint/state-upload.js';
export type { ComputeTask, Engine, EvaluateTask, FetchBlock } from './engine/engine.js';
export { tfjsEngine } from './engine/tfjs-engine.js';
export { loadModel } from './model/model-file.js';
export { evaluateRows } from './run/evaluate.js';
export { openPretrained, predictOf, predictRows, type Predict } from './run/predict.js';
export { startWorker, type RunningWorker } from './run/run-worker.js';
export { trainPhase } from './run/train-phase.js';
