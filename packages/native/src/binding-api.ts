// The native bindings: the parts of tfjs-node-gpu's that are used here, and Stillhouse's own.
import type * as tf from '@tensorflow/tfjs';

export interface OpAttribute {
  readonly name: string;
  /** One of attributeKinds. */
  readonly type: number;
  readonly value: unknown;
}

export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export type TensorValues = Float32Array | Int32Array | Uint8Array;

export interface Binding {
  readonly TF_Version: string;
  isUsingGpuDevice(): boolean;
  createTensor(shape: number[], dtype: number, values: TensorValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): TensorValues;
  executeOp(name: string, attributes: OpAttribute[], inputIds: number[], outputCount: number): TensorMetadata[];
}

/** A graph that TensorFlow keeps until this handle is garbage-collected. */
export interface GraphSession {
  readonly __brand: 'GraphSession';
}

/** Stillhouse's own binding (binding/graph_session.cc): runs graphs on JavaScript's memory. */
export interface GraphSessions {
  open(
    graphDef: Uint8Array,
    config: Uint8Array,
    inputs: readonly { name: string; dtype: number; shape: readonly number[] }[],
    outputs: readonly string[],
  ): GraphSession;
  /** outputs[i] = factor · value; returns whether all values are finite. */
  run(
    session: GraphSession,
    inputs: readonly TensorValues[],
    outputs: readonly Float32Array[],
    factor: number,
  ): boolean;
}

export interface NativeBackend extends tf.KernelBackend {
  binding: Binding;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  executeSingleOutput(op: string, attributes: OpAttribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
}
