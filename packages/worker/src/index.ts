// @stillhouse/worker: engines, training step, peer mesh.
// @stillhouse/worker/light exports what needs no TFJS.
export { openBackend, openInferenceBackend } from './backend/open-backend.js';
export type { BackendName } from './backend/registry.js';
export type { FetchBlock } from './block/fetch-block.js';
export type { Capture, StateUploader } from './checkpoint/state-upload.js';
export { openPretrained } from './distill/teacher/pretrained.js';
export type { ComputeTask, Engine, EvaluateTask } from './engine/engine.js';
export { tfjsEngine } from './engine/tfjs-engine.js';
export { evaluateRows } from './model/evaluate.js';
export { loadModel } from './model/model-file.js';
export { predictOf, predictRows, type Predict } from './model/predict.js';
export { startWorker, type RunningWorker } from './run/run-worker.js';
export { trainPhase } from './run/train-phase.js';
