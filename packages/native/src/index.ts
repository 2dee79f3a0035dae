// @stillhouse/native: TensorFlow's native engine.
export { installedEngines, type NativeEngine } from './home.js';
export { installTensorflow, type InstallOptions, type InstallResult } from './install.js';
export { loadTensorflow, nativeTracing } from './load.js';
export { TracedGraph, TraceError } from './trace.js';
