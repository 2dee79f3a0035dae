// @stillhouse/native/engines: loads installed engines into this process, next to TFJS.
export { isTensorflowOnGpu, loadTensorflow, nativeTracing } from './load.js';
export type {
  Binding,
  CallHandle,
  InputPlace,
  SessionHandle,
  GraphSessions,
  NativeBackend,
  OpAttribute,
  TensorMetadata,
  TensorValues,
} from './binding-api.js';
export type { GraphNode, Message, Messages } from './graph-def.js';
export { registerGather } from './gather.js';
export { openOnnx } from './onnx.js';
export { registerReluGradient } from './relu-gradient.js';
export type { RunnableModel } from './runnable-model.js';
export { openSavedModel } from './saved-model.js';
export { GraphBuilder, type ByteScaling, type SessionVariable } from './graph-builder.js';
export { GraphSession, type GraphCall, type GraphParts, type SessionTools } from './graph-session.js';
export {
  TracedComputation,
  TraceError,
  type Computation,
  type NativeTools,
  type TracedCall,
  type TracedRun,
  type Wiring,
} from './trace.js';
export { loadWebgpu, type WebgpuDevice } from './webgpu.js';
