// Which backend a job is trained on. A probe trains one zero row of each of the job's models, so that a missing kernel
// is found before the run, and `auto` can take the fastest backend that trains everything.
import { tf } from '@stillhouse/native/tfjs';
import { StillhouseError } from '@stillhouse/core';
import { visibleGpus, whyNoGpuHere, type EngineMode } from '@stillhouse/native';
import type { BackendKind } from './backend.js';
import { missingKernelOf } from './missing-kernel.js';
import {
  backends,
  concreteBackendNames,
  inferenceBackend,
  type BackendName,
  type ConcreteBackendName,
} from './registry.js';

/** The backend that this process computes with. */
export interface Backend {
  readonly name: ConcreteBackendName;
  /**
   * Equal fingerprints promise equal bits: engine, version, device, threads, and the V8 that computes Math functions.
   */
  readonly fingerprint: string;
  /** Why this one, for people. */
  readonly reason: string;
}

/** Trains one row of every model of the job; throws if it cannot. */
export type Probe = () => Promise<void>;

type Opened = Pick<Backend, 'name' | 'fingerprint'>;

/** Makes a backend the one that TFJS uses; returns its fingerprint. */
async function activate(name: ConcreteBackendName, mode: EngineMode): Promise<string> {
  tf.enableProdMode();
  const backend = await backends[name].load();
  const engine = await backend.register(mode);
  if (!(await tf.setBackend(name)))
    throw new StillhouseError('BACKEND_UNAVAILABLE', `the ${name} backend does not start on this machine`);
  return `${engine} v8=${process.versions.v8}`;
}

/** The backend, or why it cannot train the job. */
async function tryToOpen(
  name: ConcreteBackendName,
  { probe, ...mode }: EngineMode & { probe: Probe },
): Promise<Opened | string> {
  const fingerprint = await activate(name, mode);
  try {
    await probe();
    return { name, fingerprint };
  } catch (error) {
    const missing = missingKernelOf(error);
    if (!missing) throw error;
    const { kernel, layer } = missing;
    return `${name} has no kernel ${kernel}${layer === undefined ? '' : `, which ${layer} needs`}`;
  }
}

/** Why a GPU of NVIDIA is idle, and what would make it compute. */
function unusedGpu(backend: BackendKind): string[] {
  if (backend.isOnGpu() || visibleGpus(process.env).length === 0) return [];
  return [whyNoGpuHere(process.env)];
}

const untrainable = (reasons: string): StillhouseError =>
  new StillhouseError('BACKEND_KERNEL', `the models of the recipe cannot be trained: ${reasons}`);

async function openFastest(options: EngineMode & { probe: Probe }): Promise<Backend> {
  const obstacles: string[] = [];
  for (const name of concreteBackendNames) {
    try {
      const backend = await backends[name].load();
      const opened = (await backend.obstacle()) ?? (await tryToOpen(name, options));
      if (typeof opened !== 'string') {
        const reason = ['the fastest here that trains every model of the recipe', ...obstacles, ...unusedGpu(backend)];
        return { ...opened, reason: reason.join('; ') };
      }
      obstacles.push(opened);
    } catch (error) {
      if (!(error instanceof StillhouseError) || error.code !== 'BACKEND_UNAVAILABLE') throw error;
      // It is installed and does not work, so that many would rather repair it than do without.
      obstacles.push(
        `${error.message} (${error.next.charAt(0).toLowerCase()}${error.next.slice(1).replace(/\.$/, '')})`,
      );
    }
  }
  throw untrainable(obstacles.join('; '));
}

/**
 * @param options.threads engine threads per rank, which are the job's
 * @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_KERNEL, and what the probe throws
 */
export async function openBackend(wanted: BackendName, options: EngineMode & { probe: Probe }): Promise<Backend> {
  if (wanted === 'auto') return openFastest(options);
  const opened = await tryToOpen(wanted, options);
  if (typeof opened === 'string') throw untrainable(opened);
  const unused = wanted === 'tensorflow' ? unusedGpu(await backends[wanted].load()) : [];
  return { ...opened, reason: ['as requested', ...unused].join('; ') };
}

/**
 * A backend for inference only, without a job to probe; `auto` is the fastest that every machine has.
 * @throws StillhouseError BACKEND_UNAVAILABLE
 */
export async function openInferenceBackend(wanted: BackendName): Promise<void> {
  await activate(wanted === 'auto' ? inferenceBackend : wanted, { threads: 1 });
}
