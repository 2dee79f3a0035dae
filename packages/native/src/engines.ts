// @stillhouse/native/engines: loads installed engines into this process, next to TFJS.
export { isTensorflowOnGpu, loadTensorflow, nativeTracing } from './load.js';
export type {
  Binding,
  GraphSession,
  GraphSessions,
  NativeBackend,
  OpAttribute,
  TensorMetadata,
  TensorValues,
} from './binding-api.js';
export type { Message, Messages } from './graph-def.js';
export { registerGather } from './gather.js';
export { openOnnx } from './onnx.js';
export { registerReluGradient } from './relu-gradient.js';
export type { RunnableModel } from './runnable-model.js';
export { openSavedModel } from './saved-model.js';
export { TracedGraph, TraceError, type Computation, type GraphRun, type NativeTools } from './trace.js';
export { loadWebgpu, type WebgpuDevice } from './webgpu.js';
