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

/** A session of TensorFlow, which is kept until this handle and those of its calls are garbage-collected. */
export interface SessionHandle {
  readonly __brand: 'SessionHandle';
}

/** A part of a session's graph that is run together. */
export interface CallHandle {
  readonly __brand: 'CallHandle';
}

/** Where an input is fed. */
export interface InputPlace {
  /** Of the node. */
  readonly name: string;
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** Stillhouse's own binding (binding/graph_session.cc): runs graphs on JavaScript's memory. */
export interface GraphSessions {
  open(config: Uint8Array): SessionHandle;
  /** Adds the graph to the session; the names of its nodes must be new there. */
  add(
    session: SessionHandle,
    graphDef: Uint8Array,
    inputs: readonly InputPlace[],
    outputs: readonly string[],
    targets: readonly string[],
  ): CallHandle;
  /** Runs the targets and copies the outputs; returns whether all values are finite. */
  run(call: CallHandle, inputs: readonly TensorValues[], outputs: readonly Float32Array[]): boolean;
  /** Frees its memory at once; its calls cannot run any more. */
  close(session: SessionHandle): void;
  /**
   * Lets a GPU of NVIDIA read memory directly, for as long as the process lives, so it must not be collected; returns
   * whether it could.
   */
  pin(memory: TensorValues): boolean;
}

export interface NativeBackend extends tf.KernelBackend {
  binding: Binding;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  executeSingleOutput(op: string, attributes: OpAttribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
}
