// @stillhouse/native/engines: loads installed engines into this process, next to TFJS.
export { loadTensorflow, nativeTracing } from './load.js';
export { openOnnx } from './onnx.js';
export { registerReluGradient } from './relu-gradient.js';
export type { RunnableModel } from './runnable-model.js';
export { openSavedModel } from './saved-model.js';
export { TracedGraph, TraceError } from './trace.js';
export { loadWebgpu } from './webgpu.js';
