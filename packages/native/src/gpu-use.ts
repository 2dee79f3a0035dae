// Why TensorFlow computes without a GPU, in one line.
import { missingCuda } from './cuda.js';
import { architectureOf } from './fatbin.js';
import { gpusOf, visibleGpus, type Gpu } from './gpus.js';
import { installedEngines, type EngineManifest } from './home.js';

export interface GpuFacts {
  /** All that the driver names. */
  readonly gpus: readonly Gpu[];
  /** Those that CUDA_VISIBLE_DEVICES leaves. */
  readonly visible: readonly Gpu[];
  /** Of the engine that would be used; undefined if none is installed. */
  readonly engine: Pick<EngineManifest, 'cuda' | 'onlyGpus'> | undefined;
  /** NVIDIA's libraries that are not in its folder. */
  readonly missing: readonly string[];
}

/** TensorFlow's build is for CUDA 12.5, with which any CUDA 12 works. */
const oldestDriver = 525;

const installCommand = '`stillhouse backend install tensorflow --cuda`';
const again = '`stillhouse backend install tensorflow --cuda --force`';

/** Whether code for one GPU runs on another: of the same generation, and not older. */
function runsOn(code: string, gpu: string): boolean {
  const [from, to] = [architectureOf(code) ?? NaN, architectureOf(gpu) ?? NaN];
  return Math.floor(from / 10) === Math.floor(to / 10) && from <= to;
}

/** What keeps TensorFlow from the first visible GPU, if it does not use it. */
export function whyNoGpu({ gpus, visible, engine, missing }: GpuFacts): string {
  const [gpu] = visible;
  if (gpus.length === 0) return "no NVIDIA driver answers (nvidia-smi), so there is no GPU for TensorFlow's engine";
  if (!gpu) return 'CUDA_VISIBLE_DEVICES hides every GPU';
  const unused = `the ${gpu.name} is not used`;
  if (!engine) return `${unused} (${installCommand})`;
  if (!engine.cuda) return `${unused}: the installed TensorFlow was built without CUDA (${installCommand})`;
  if (Number.parseInt(gpu.driver, 10) < oldestDriver)
    return `${unused}: its driver is ${gpu.driver}, and TensorFlow needs ${oldestDriver} or later`;
  if (engine.onlyGpus && !engine.onlyGpus.some((code) => runsOn(code, gpu.computeCapability)))
    return (
      `${unused}: the engine has code only for compute capability ${engine.onlyGpus.join(', ')}, ` +
      `and its is ${gpu.computeCapability} (${again})`
    );
  if (missing.length > 0)
    return `${unused}: ${missing.join(', ')} not found (\`stillhouse backend link-cuda\`, or ${again})`;
  return `${unused}: TensorFlow refuses it; TF_CPP_MIN_LOG_LEVEL=0 shows why`;
}

/** The same of this machine. */
export function whyNoGpuHere(env: NodeJS.ProcessEnv): string {
  const [engine] = installedEngines(env, 'tensorflow');
  const missing = engine ? missingCuda(engine.folder) : [];
  return whyNoGpu({ gpus: gpusOf(env), visible: visibleGpus(env), engine: engine?.manifest, missing });
}
