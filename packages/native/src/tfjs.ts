// @stillhouse/native/tfjs: TensorFlow.js by `require`, which takes less than half the time of an `import`. For an
// `import`, Node searches its 12 MB for the names that each CommonJS module exports. Both give the same instance.
/* oxlint-disable typescript/no-namespace -- its types, under the same name as its values */
import { createRequire } from 'node:module';
import type * as tfjs from '@tensorflow/tfjs';

export const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as typeof tfjs;

export namespace tf {
  export type GraphModel = tfjs.GraphModel;
  export type KernelBackend = tfjs.KernelBackend;
  export type KernelConfig = tfjs.KernelConfig;
  export type KernelFunc = tfjs.KernelFunc;
  export type LayersModel = tfjs.LayersModel;
  export type Rank = tfjs.Rank;
  export type Scalar = tfjs.Scalar;
  export type SymbolicTensor = tfjs.SymbolicTensor;
  export type Tensor<R extends Rank = Rank> = tfjs.Tensor<R>;
  export type Tensor1D = tfjs.Tensor1D;
  export type Tensor2D = tfjs.Tensor2D;
  export type Tensor4D = tfjs.Tensor4D;
  export type Tensor5D = tfjs.Tensor5D;
  export type TensorInfo = tfjs.TensorInfo;
  export type Variable<R extends Rank = Rank> = tfjs.Variable<R>;
  export namespace Rank {
    export type R2 = tfjs.Rank.R2;
    export type R4 = tfjs.Rank.R4;
  }
  export namespace backend_util {
    export type Conv2DInfo = tfjs.backend_util.Conv2DInfo;
  }
  export namespace io {
    export type ModelArtifacts = tfjs.io.ModelArtifacts;
    export type WeightsManifestEntry = tfjs.io.WeightsManifestEntry;
  }
  export namespace layers {
    export type Layer = tfjs.layers.Layer;
  }
}
