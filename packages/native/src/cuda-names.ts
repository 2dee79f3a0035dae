// The names of NVIDIA's libraries. TensorFlow's build for CUDA 12 works with those of CUDA 13 under the old names: what
// it calls is the same in both.

/** Major versions of CUDA whose libraries can be used. */
export type CudaVersion = 12 | 13;

/** The first driver that CUDA 13 works with; it works with CUDA 12 as well. */
const firstDriverOf13 = 580;

/** @param driver version, such as 580.95.05 */
export const cudaOfDriver = (driver: string): CudaVersion => (Number.parseInt(driver, 10) >= firstDriverOf13 ? 13 : 12);

/** What TensorFlow opens, and what has its place in CUDA 13. */
const inCuda13: Readonly<Record<string, string>> = {
  'libcublas.so.12': 'libcublas.so.13',
  'libcublasLt.so.12': 'libcublasLt.so.13',
  'libcufft.so.11': 'libcufft.so.12',
  'libcusolver.so.11': 'libcusolver.so.12',
  'libcusparse.so.12': 'libcusparse.so.12',
  'libcudnn.so.9': 'libcudnn.so.9',
  'libnccl.so.2': 'libnccl.so.2',
  'libcupti.so.12': 'libcupti.so.13',
};

/** That of CUDA 13 does not have its place. */
export const runtimeLibrary = 'libcudart.so.12';

/** Without any of these TensorFlow uses no GPU. */
const required = [runtimeLibrary, ...Object.keys(inCuda13).filter((name) => !/nccl|cupti/.test(name))];

/** Which of these libraries there must be for TensorFlow to use a GPU, besides those in `names`. */
export const missingLibraries = (names: readonly string[]): string[] =>
  required.filter((name) => !names.includes(name));

/** Links that give libraries the names that TensorFlow asks for, unless there are libraries of these names. */
export function linksFor(names: readonly string[]): { readonly name: string; readonly target: string }[] {
  return Object.entries(inCuda13)
    .filter(([name, target]) => !names.includes(name) && names.includes(target))
    .map(([name, target]) => ({ name, target }));
}

/** Which CUDA these libraries are of; undefined if TensorFlow could not use a GPU with them and its runtime library. */
export function cudaOf(names: readonly string[]): CudaVersion | undefined {
  const all = [...names, runtimeLibrary, ...linksFor(names).map(({ name }) => name)];
  if (missingLibraries(all).length > 0) return undefined;
  return names.includes('libcublas.so.12') ? 12 : 13;
}

/** Folders below nvidia/ in which TensorFlow looks: nvidia/PART/lib. */
export const parts = ['cublas', 'cuda_cupti', 'cuda_runtime', 'cudnn', 'cufft', 'cusolver', 'cusparse', 'nccl'];

/** The wheels of CUDA 13's libraries, without the runtime library. */
export const wheelsOf13 = [
  'nvidia-cublas<14',
  'nvidia-cuda-cupti<14',
  'nvidia-cuda-nvrtc<14',
  'nvidia-cudnn-cu13<10',
  'nvidia-cufft<13',
  'nvidia-curand<11',
  'nvidia-cusolver<13',
  'nvidia-cusparse<13',
  'nvidia-nccl-cu13<3',
  'nvidia-nvjitlink<14',
];
