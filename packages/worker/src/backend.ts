// The engine's backend, chosen through one door. A probe trains one zero row of each of the job's models, so that a
// missing kernel is found before the run and `auto` can pick the fastest backend that trains everything.
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import { StillhouseError } from '@stillhouse/core';
import { installedEngines, loadTensorflow } from '@stillhouse/native';
import { registerGradients } from './wasm-gradients.js';
import { transposeBeforeMatMul } from './wasm-matmul.js';

export const backendNames = ['auto', 'wasm', 'cpu', 'tensorflow'] as const;
export type BackendName = (typeof backendNames)[number];
type ConcreteName = Exclude<BackendName, 'auto'>;

export interface Backend {
  readonly name: ConcreteName;
  /** Equal fingerprints promise equal bits: engine, version, device, threads, and the V8 that computes Math functions. */
  readonly fingerprint: string;
  /** Why this one. */
  readonly reason: string;
}

/** Trains one row of every model of the job; throws where it cannot. */
export type Probe = () => Promise<void>;

/** Makes a backend the one that TFJS uses; returns what it is. */
async function activate(name: ConcreteName, threads: number): Promise<string> {
  tf.enableProdMode();
  let engine = `cpu ${tf.version_core}`;
  if (name === 'tensorflow') engine = loadTensorflow(threads);
  if (name === 'wasm') {
    // One thread whatever the machine has: threads would change the order of additions.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    setThreadsCount(1);
    transposeBeforeMatMul();
    registerGradients();
    engine = `wasm ${version_wasm}`;
  }
  if (!(await tf.setBackend(name))) throw new StillhouseError('BACKEND_UNAVAILABLE', `the ${name} backend does not start on this machine`);
  return `${engine} v8=${process.versions.v8}`;
}

/** The kernel that a backend turned out not to have, from TFJS's own message. */
function missingKernel(error: unknown): string | undefined {
  return error instanceof Error ? /Kernel '(\w+)' not registered/.exec(error.message)?.[1] : undefined;
}

/** The order in which `auto` tries backends, fastest first. */
const automatic = (): ConcreteName[] => [...(installedEngines(process.env).length ? (['tensorflow'] as const) : []), 'wasm', 'cpu'];

/**
 * @param options.threads engine threads per rank, which are the job's
 * @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_KERNEL, and what the probe throws
 */
export async function openBackend(wanted: BackendName, options: { threads: number; probe: Probe }): Promise<Backend> {
  const candidates: ConcreteName[] = wanted === 'auto' ? automatic() : [wanted];
  const reasons: string[] = [];
  for (const name of candidates) {
    const fingerprint = await activate(name, options.threads);
    try {
      await options.probe();
    } catch (error) {
      const kernel = missingKernel(error);
      if (!kernel) throw error;
      reasons.push(`${name} has no kernel ${kernel}`);
      continue;
    }
    return { name, fingerprint, reason: wanted === 'auto' ? [...reasons, `${name} trains every model of the recipe`].join('; ') : 'asked for' };
  }
  throw new StillhouseError('BACKEND_KERNEL', `the models of the recipe cannot be trained: ${reasons.join('; ')}`);
}

/** A backend for inference alone, without a job to probe. */
export async function openInferenceBackend(wanted: BackendName): Promise<void> {
  await activate(wanted === 'auto' ? 'wasm' : wanted, 1);
}
