// The backends that a worker can be asked for; `auto` is the fastest that trains every model of the job.

export const backendNames = ['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];
