// Chooses the engine's backend. A probe trains one zero row of each of the job's models, so a missing kernel is found
// before the run, and `auto` can pick the fastest backend that trains everything.
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import { StillhouseError } from '@stillhouse/core';
import { installedEngines, visibleGpus } from '@stillhouse/native';
import { loadTensorflow, loadWebgpu, registerReluGradient } from '@stillhouse/native/engines';
import type { BackendName } from './names.js';
import { registerWasmGradients } from './wasm-gradients.js';
import { transposeBeforeMatMul } from './wasm-matmul.js';

type ConcreteName = Exclude<BackendName, 'auto'>;

export interface Backend {
  readonly name: ConcreteName;
  /** Equal fingerprints promise equal bits: engine, version, device, threads, and the V8 that computes Math functions. */
  readonly fingerprint: string;
  /** Why this backend. */
  readonly reason: string;
}

/** Trains one row of every model of the job; throws if it cannot. */
export type Probe = () => Promise<void>;

/** Makes TFJS use a backend; returns its description. */
async function activate(name: ConcreteName, threads: number): Promise<string> {
  tf.enableProdMode();
  let engine = `cpu ${tf.version_core}`;
  if (name === 'tensorflow') {
    engine = loadTensorflow(threads);
    registerReluGradient();
  }
  if (name === 'webgpu') engine = (await loadWebgpu()).fingerprint;
  if (name === 'wasm') {
    // One thread on every machine: more threads would change the order of additions.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    setThreadsCount(1);
    transposeBeforeMatMul();
    registerWasmGradients();
    engine = `wasm ${version_wasm}`;
  }
  if (!(await tf.setBackend(name)))
    throw new StillhouseError('BACKEND_UNAVAILABLE', `the ${name} backend does not start on this machine`);
  return `${engine} v8=${process.versions.v8}`;
}

/** The kernel that a backend lacks, from TFJS's own message. */
function missingKernel(error: unknown): string | undefined {
  return error instanceof Error ? /Kernel '(\w+)' not registered/.exec(error.message)?.[1] : undefined;
}

interface Candidate {
  readonly name: ConcreteName;
  /** Why it cannot be used; undefined if it can. */
  readonly obstacle: () => Promise<string | undefined>;
}

const none = (): Promise<undefined> => Promise.resolve(undefined);

async function webgpuObstacle(): Promise<string | undefined> {
  if (installedEngines(process.env, 'webgpu').length === 0) return 'webgpu is not installed';
  const device = await loadWebgpu();
  return device.isSoftware ? `webgpu finds no GPU here, only ${device.name}` : undefined;
}

/** What `auto` tries, fastest first. */
const automatic: readonly Candidate[] = [
  {
    name: 'tensorflow',
    obstacle: async () =>
      installedEngines(process.env, 'tensorflow').length
        ? undefined
        : 'tensorflow is not installed (several times faster: `stillhouse backend install tensorflow`)',
  },
  { name: 'webgpu', obstacle: webgpuObstacle },
  { name: 'wasm', obstacle: none },
  { name: 'cpu', obstacle: none },
];

/**
 * @param options.threads engine threads per rank, from the job
 * @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_KERNEL, and what the probe throws
 */
export async function openBackend(wanted: BackendName, options: { threads: number; probe: Probe }): Promise<Backend> {
  if (wanted !== 'auto') {
    const opened = await openCandidate({ name: wanted, obstacle: none }, options);
    if (typeof opened === 'string')
      throw new StillhouseError('BACKEND_KERNEL', `the models of the recipe cannot be trained: ${opened}`);
    return { ...opened, reason: 'asked for' };
  }
  const obstacles: string[] = [];
  for (const candidate of automatic) {
    const opened = await openCandidate(candidate, options).catch((error: unknown) => {
      if (error instanceof StillhouseError && error.code === 'BACKEND_UNAVAILABLE') return error.message;
      throw error;
    });
    if (typeof opened !== 'string')
      return {
        ...opened,
        reason: [
          'the fastest here that trains every model of the recipe',
          ...obstacles,
          ...unusedGpu(opened.name),
        ].join('; '),
      };
    obstacles.push(opened);
  }
  throw new StillhouseError('BACKEND_KERNEL', `the models of the recipe cannot be trained: ${obstacles.join('; ')}`);
}

/** How an idle NVIDIA GPU could be used. */
function unusedGpu(name: ConcreteName): string[] {
  if (name === 'webgpu' || (name === 'tensorflow' && installedEngines(process.env, 'tensorflow')[0].manifest.cuda))
    return [];
  const [gpu] = visibleGpus(process.env);
  return gpu ? [`the ${gpu.name} is not used (\`stillhouse backend install tensorflow --cuda\`)`] : [];
}

/** The backend, or why it cannot train the job. */
async function openCandidate(
  { name, obstacle }: Candidate,
  { threads, probe }: { threads: number; probe: Probe },
): Promise<Omit<Backend, 'reason'> | string> {
  const reason = await obstacle();
  if (reason !== undefined) return reason;
  const fingerprint = await activate(name, threads);
  try {
    await probe();
    return { name, fingerprint };
  } catch (error) {
    const kernel = missingKernel(error);
    if (kernel === undefined) throw error;
    return `${name} has no kernel ${kernel}`;
  }
}

/** A backend for inference only, without a job to probe. */
export async function openInferenceBackend(wanted: BackendName): Promise<void> {
  await activate(wanted === 'auto' ? 'wasm' : wanted, 1);
}
