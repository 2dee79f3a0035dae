// @stillhouse/native: installs and finds engines in the user's cache. Loads no TFJS; engines.ts is the door that does.
export { visibleGpus, type Gpu } from './gpus.js';
export { engineKinds, installedEngines, type EngineKind } from './home.js';
export { installOnnx, installTensorflow, installWebgpu } from './install.js';
export { tryEngine } from './try-engine.js';
