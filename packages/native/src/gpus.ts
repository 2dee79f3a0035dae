// The GPUs that NVIDIA's driver knows, as its own tool lists them.
import { run } from './tools.js';

export interface Gpu {
  /** Stays the same when other GPUs come or go; CUDA_VISIBLE_DEVICES accepts it. */
  readonly uuid: string;
  readonly name: string;
  readonly memory: string;
  readonly driver: string;
  /** Such as 9.0: what code it runs. */
  readonly computeCapability: string;
}

/** The GPUs of this machine, in the driver's order; none without a driver. */
export function gpusOf(env: NodeJS.ProcessEnv): Gpu[] {
  const { status, stdout } = run(
    'nvidia-smi',
    ['--query-gpu=uuid,name,memory.total,driver_version,compute_cap', '--format=csv,noheader'],
    { env, timeout: 10_000 },
  );
  if (status !== 0) return [];
  return stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [uuid, name, memory, driver, computeCapability] = line.split(',').map((cell) => cell.trim());
      return { uuid, name, memory, driver, computeCapability };
    });
}

/**
 * The GPUs that a process with this environment may use, in the driver's order.
 * CUDA_VISIBLE_DEVICES narrows them, as it does for CUDA.
 */
export function visibleGpus(env: NodeJS.ProcessEnv): Gpu[] {
  const all = gpusOf(env);
  const wanted = env['CUDA_VISIBLE_DEVICES'];
  if (wanted === undefined) return all;
  const chosen: Gpu[] = [];
  for (const entry of wanted.split(',').map((cell) => cell.trim())) {
    const gpu = /^\d+$/.test(entry)
      ? all[Number(entry)]
      : all.find(({ uuid }) => entry !== '' && uuid.startsWith(entry));
    // CUDA stops at the first GPU that does not exist.
    if (!gpu) break;
    chosen.push(gpu);
  }
  return chosen;
}
