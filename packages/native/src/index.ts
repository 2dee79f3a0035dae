// @stillhouse/native: installs and finds engines in the user's cache. It loads no TFJS; engines.ts does.
export { visibleGpus, type Gpu } from './gpus.js';
export { engineKinds, installedEngines, type EngineKind } from './home.js';
export { installOnnx, installTensorflow, installWebgpu } from './install.js';
export { tryEngine } from './try-engine.js';
