// @stillhouse/native: installs and finds engines in the user's cache. It loads no TFJS; /engines and /tfjs do.
export type { EngineMode } from './engine-mode.js';
export { isCarried } from './carried-file.js';
export { linkCuda } from './cuda.js';
export { whyNoGpuHere } from './gpu-use.js';
export { gpusOf, visibleGpus, type Gpu } from './gpus.js';
export {
  engineKinds,
  hasCuda,
  installedEngines,
  isRunning,
  type EngineKind,
  type EngineManifest,
  type InstalledEngine,
} from './home.js';
export { engineInstallers, type EngineInstaller, type InstallOptions, type InstallResult } from './install.js';
export { sharedMemory, type SharedMemory } from './shared-memory.js';
export { tryEngine, type Verified } from './try-engine.js';
export type { Progress } from './tools.js';
