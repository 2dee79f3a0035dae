// The backends that a user can name; `auto` is the fastest that trains every model of the job.

export const backendNames = ['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];
