// @stillhouse/native: engines that are installed into the user's cache, TensorFlow's library and WebGPU.
export { visibleGpus, type Gpu } from './gpus.js';
export { engineKinds, installedEngines, type EngineKind } from './home.js';
export { installOnnx, installTensorflow, installWebgpu } from './install.js';
export { loadTensorflow, nativeTracing } from './load.js';
export { openOnnx } from './onnx.js';
export { registerReluGradient } from './relu-gradient.js';
export type { RunnableModel } from './runnable-model.js';
export { openSavedModel } from './saved-model.js';
export { TracedGraph, TraceError } from './trace.js';
export { tryEngine } from './try-engine.js';
export { loadWebgpu } from './webgpu.js';
