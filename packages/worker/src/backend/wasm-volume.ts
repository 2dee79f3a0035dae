// Kernels for volumes that TFJS's wasm backend computes wrongly; its cpu backend computes them right, and slowly.
// Max pooling takes 0 for the maximum of a window of negative numbers; gradients of convolutions are wrong with strides
// or if there are several rows.
import { tf } from '@stillhouse/native/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { outputFor, replaceWasmKernel } from './wasm-kernels.js';

const kernels = ['MaxPool3D', 'MaxPool3DGrad', 'Conv3DBackpropInputV2', 'Conv3DBackpropFilterV2'];

/** The part of TFJS's cpu backend that is used here. */
interface CpuBackend extends tf.KernelBackend {
  readonly data: { get(dataId: object): { values: Float32Array } };
  makeTensorInfo(shape: readonly number[], dtype: string, values: Float32Array): tf.TensorInfo;
  disposeIntermediateTensorInfo(tensor: tf.TensorInfo): void;
}

/** Copies operands to the cpu backend, and what it computes back. */
function computeOnCpu(kernelName: string, args: Parameters<tf.KernelFunc>[0]): tf.TensorInfo {
  const cpu = tf.engine().findBackend('cpu') as CpuBackend;
  const wasm = args.backend as BackendWasm;
  const operands = Object.entries(args.inputs as Readonly<Record<string, tf.TensorInfo>>).map(
    ([name, { dataId, shape, dtype }]): [string, tf.TensorInfo] => [
      name,
      cpu.makeTensorInfo(shape, dtype, (wasm.readSync(dataId) as Float32Array).slice()),
    ],
  );
  const { kernelFunc } = tf.getKernel(kernelName, 'cpu');
  const result = kernelFunc({ ...args, inputs: Object.fromEntries(operands), backend: cpu }) as tf.TensorInfo;
  const out = outputFor(wasm, [], { shape: result.shape, dtype: 'float32' });
  wasm.typedArrayFromHeap(out).set(cpu.data.get(result.dataId).values);
  for (const each of [result, ...operands.map(([, operand]) => operand)]) cpu.disposeIntermediateTensorInfo(each);
  return out;
}

export function registerVolumeKernels(): void {
  for (const kernel of kernels) replaceWasmKernel(kernel, () => (args) => computeOnCpu(kernel, args));
}
