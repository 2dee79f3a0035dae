// The part of TensorFlow.js that losses and terms are written with. The engine is an argument, and so are its types:
// TFJS's own do not compile without the types of a browser.

/** A tensor of the engine; a `tf.Tensor` is one. Only the engine reads its values. */
export interface Tensor {
  readonly shape: number[];
  readonly rank: number;
  readonly dtype: string;
}

/** A tensor with rows and columns. */
export interface Tensor2D extends Tensor {
  readonly shape: [number, number];
}

/** Values in arrays, nested to any depth, or in typed arrays. */
export interface NestedArray {
  readonly [index: number]: unknown;
}

/** What operations accept in place of a tensor. */
export type Operand = Tensor | NestedArray | number | boolean;

/** A layer of the engine; a `tf.layers.Layer` is one. */
export interface Layer {
  /** Makes its weights, for inputs of this shape; null is any size. */
  build(inputShape: (number | null)[]): void;
  /** Takes a tensor and gives a tensor. */
  apply(input: unknown): unknown;
}

/** Operations of TensorFlow.js by their names there; `tf` itself implements them. Shapes follow its broadcasting. */
export interface TensorOps {
  abs(x: Operand): Tensor;
  exp(x: Operand): Tensor;
  expm1(x: Operand): Tensor;
  log(x: Operand): Tensor;
  log1p(x: Operand): Tensor;
  neg(x: Operand): Tensor;
  reciprocal(x: Operand): Tensor;
  relu(x: Operand): Tensor;
  sigmoid(x: Operand): Tensor;
  sign(x: Operand): Tensor;
  softplus(x: Operand): Tensor;
  sqrt(x: Operand): Tensor;
  square(x: Operand): Tensor;
  /** 1 where x is positive, else 0. */
  step(x: Operand): Tensor;
  tanh(x: Operand): Tensor;
  clipByValue(x: Operand, least: number, most: number): Tensor;

  add(a: Operand, b: Operand): Tensor;
  addN(tensors: Operand[]): Tensor;
  div(a: Operand, b: Operand): Tensor;
  maximum(a: Operand, b: Operand): Tensor;
  minimum(a: Operand, b: Operand): Tensor;
  mul(a: Operand, b: Operand): Tensor;
  pow(base: Operand, exponent: Operand): Tensor;
  squaredDifference(a: Operand, b: Operand): Tensor;
  sub(a: Operand, b: Operand): Tensor;
  equal(a: Operand, b: Operand): Tensor;
  greater(a: Operand, b: Operand): Tensor;
  less(a: Operand, b: Operand): Tensor;
  where(condition: Operand, a: Operand, b: Operand): Tensor;
  matMul(a: Operand, b: Operand, transposeA?: boolean, transposeB?: boolean): Tensor;

  logSumExp(x: Operand, axis?: number | number[], keepDims?: boolean): Tensor;
  max(x: Operand, axis?: number | number[], keepDims?: boolean): Tensor;
  mean(x: Operand, axis?: number | number[], keepDims?: boolean): Tensor;
  min(x: Operand, axis?: number | number[], keepDims?: boolean): Tensor;
  sum(x: Operand, axis?: number | number[], keepDims?: boolean): Tensor;
  argMax(x: Operand, axis?: number): Tensor;
  logSoftmax(logits: Operand, axis?: number): Tensor;
  softmax(logits: Operand, axis?: number): Tensor;

  cast(x: Operand, dtype: 'float32' | 'int32' | 'bool'): Tensor;
  concat(tensors: Operand[], axis?: number): Tensor;
  expandDims(x: Operand, axis?: number): Tensor;
  eye(rows: number): Tensor;
  gather(x: Operand, indices: Operand, axis?: number): Tensor;
  oneHot(indices: Operand, depth: number): Tensor;
  ones(shape: number[]): Tensor;
  reshape(x: Operand, shape: number[]): Tensor;
  scalar(value: number): Tensor;
  slice(x: Operand, begin: number | number[], size?: number | number[]): Tensor;
  squeeze(x: Operand, axis?: number[]): Tensor;
  transpose(x: Operand, permutation?: number[]): Tensor;
  zeros(shape: number[]): Tensor;
  avgPool(x: Operand, size: [number, number], strides: [number, number], pad: 'valid' | 'same'): Tensor;

  readonly layers: {
    conv2d(options: { name?: string; filters: number; kernelSize: number; useBias?: boolean }): Layer;
    dense(options: { name?: string; units: number; useBias?: boolean }): Layer;
  };
}
