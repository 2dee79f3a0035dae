// WebGPU through Dawn, from the user's cache: GPUs of any maker.
import { installedEngines } from '@stillhouse/native';
import { loadWebgpu } from '@stillhouse/native/engines';
import type { BackendKind } from './backend.js';
import { registerAveragePoolGradient } from './average-pool.js';
import { registerSegmentSumOnWebgpu } from './segment-sum.js';
import { refuseTransposedBooleans } from './webgpu-transpose.js';

export const webgpu: BackendKind = {
  async obstacle() {
    if (installedEngines(process.env, 'webgpu').length === 0) return 'webgpu is not installed';
    const device = await loadWebgpu();
    return device.isSoftware ? `webgpu finds no GPU here, only ${device.name}` : undefined;
  },
  async register() {
    const { fingerprint } = await loadWebgpu();
    registerSegmentSumOnWebgpu();
    registerAveragePoolGradient();
    refuseTransposedBooleans();
    return fingerprint;
  },
  isOnGpu: () => true,
};
