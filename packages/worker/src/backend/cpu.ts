// TFJS in plain JavaScript: slow, and it has every kernel.
import { tf } from '@stillhouse/native/tfjs';
import type { BackendKind } from './backend.js';

export const cpu: BackendKind = {
  obstacle: async () => undefined,
  register: async () => `cpu ${tf.version_core}`,
  isOnGpu: () => false,
};
