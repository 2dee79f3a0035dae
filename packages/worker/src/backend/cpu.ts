// TFJS in plain JavaScript: slow, and it has every kernel.
import { tf } from '@stillhouse/native/tfjs';
import type { BackendKind } from './backend.js';
import { registerAveragePoolGradient } from './average-pool.js';
import { registerResizeGradients } from './resize-gradient.js';
import { registerSegmentSumOnCpu } from './segment-sum.js';

export const cpu: BackendKind = {
  obstacle: async () => undefined,
  async register() {
    registerSegmentSumOnCpu();
    registerAveragePoolGradient();
    registerResizeGradients();
    return `cpu ${tf.version_core}`;
  },
  isOnGpu: () => false,
};
