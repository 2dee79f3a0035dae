// Every backend, fastest first: the order in which `auto` tries them. Each is loaded when it is asked for, so that
// commands that compute nothing start without TFJS; what is asked about one before that is in its entry.
import type { TeacherFiles } from '@stillhouse/core';
import type { EngineKind } from '@stillhouse/native';
import type { BackendKind } from './backend.js';

/** What is known of a backend without loading it. */
export type BackendEntry = {
  readonly load: () => Promise<BackendKind>;
  /** Whether models are served with it: `compress` measures their speed there. */
  readonly serves: boolean;
  /** Formats of pretrained teachers that no other backend runs. */
  readonly onlyRuns?: readonly TeacherFiles['format'][];
} & (
  | {
      /** The engine that has to be installed for it. */
      readonly engine: EngineKind;
    }
  | {
      readonly engine?: undefined;
      /** What it is: it is built in. */
      readonly detail: string;
    }
);

const entries = {
  tensorflow: {
    load: async () => (await import('./tensorflow.js')).tensorflow,
    engine: 'tensorflow',
    serves: true,
    onlyRuns: ['savedModel'],
  },
  webgpu: { load: async () => (await import('./webgpu.js')).webgpu, engine: 'webgpu', serves: false },
  wasm: {
    load: async () => (await import('./wasm.js')).wasm,
    detail: 'built in, one thread per worker',
    serves: true,
  },
  cpu: { load: async () => (await import('./cpu.js')).cpu, detail: 'embedded, plain JavaScript; slow', serves: false },
} as const satisfies Record<string, BackendEntry>;

/** Name of a backend, as TFJS registers it. */
export type ConcreteBackendName = keyof typeof entries;

export const backends: Readonly<Record<ConcreteBackendName, BackendEntry>> = entries;
export const concreteBackendNames = Object.keys(entries) as ConcreteBackendName[];

/** What `--backend` takes: a backend, or auto for the fastest that trains every model of the job. */
export type BackendName = ConcreteBackendName | 'auto';

export const backendNames: readonly BackendName[] = ['auto', ...concreteBackendNames];

/** The fastest backend that every machine has. */
export const inferenceBackend: ConcreteBackendName = 'wasm';

/** The backend for inference only: the one that a pretrained teacher's format needs, or else the usual one. */
export const inferenceBackendFor = (formats: readonly TeacherFiles['format'][]): ConcreteBackendName =>
  concreteBackendNames.find((name) => backends[name].onlyRuns?.some((format) => formats.includes(format))) ??
  inferenceBackend;
