// Every backend, fastest first: the order in which `auto` tries them. Each is loaded when it is asked for, so that
// commands that compute nothing start without TFJS.
import type { BackendKind } from './backend.js';

export const backends = {
  tensorflow: async () => (await import('./tensorflow.js')).tensorflow,
  webgpu: async () => (await import('./webgpu.js')).webgpu,
  wasm: async () => (await import('./wasm.js')).wasm,
  cpu: async () => (await import('./cpu.js')).cpu,
} as const satisfies Record<string, () => Promise<BackendKind>>;

/** Name of a backend, as TFJS registers it. */
export type ConcreteBackendName = keyof typeof backends;

export const concreteBackendNames = Object.keys(backends) as ConcreteBackendName[];

/** What `--backend` takes: a backend, or auto for the fastest that trains every model of the job. */
export type BackendName = ConcreteBackendName | 'auto';

export const backendNames: readonly BackendName[] = ['auto', ...concreteBackendNames];
