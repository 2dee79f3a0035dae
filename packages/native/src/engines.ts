// @stillhouse/native/engines: loads installed engines into this process, next to TFJS.
export { isTensorflowOnGpu, loadTensorflow, nativeTracing } from './load.js';
export type {
  Binding,
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
export { GraphBuilder, type SessionVariable } from './graph-builder.js';
export { GraphSession, type GraphCall, type SessionTools } from './graph-session.js';
export { TracedComputation, TraceError, type TracedCall, type Computation, type NativeTools } from './trace.js';
export { loadWebgpu, type WebgpuDevice } from './webgpu.js';
