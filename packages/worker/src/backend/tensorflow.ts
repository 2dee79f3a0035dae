// TensorFlow's own kernels, from the library in the user's cache.
import { installedEngines } from '@stillhouse/native';
import { isTensorflowOnGpu, loadTensorflow, registerGather, registerReluGradient } from '@stillhouse/native/engines';
import type { BackendKind } from './backend.js';

export const tensorflow: BackendKind = {
  async obstacle() {
    if (installedEngines(process.env, 'tensorflow').length > 0) return undefined;
    return 'tensorflow is not installed (several times faster: `stillhouse backend install tensorflow`)';
  },
  async register(mode) {
    const fingerprint = loadTensorflow(mode);
    registerReluGradient();
    registerGather();
    return fingerprint;
  },
  isOnGpu: isTensorflowOnGpu,
};
