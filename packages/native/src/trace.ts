// A computation recorded once as a graph, and run as one call from then on. The backend's binding is wrapped while the
// computation runs eagerly; every op becomes a node. What was drawn at random is fed as input, found by drawing twice.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { Binding, NativeBackend, OpAttribute, TensorMetadata, TensorValues } from './binding-api.js';
import { attributeKinds, graphTag, writeSavedModel, type GraphNode, type Messages } from './graph-def.js';

/** Why a computation cannot be recorded; it then stays eager. */
export class TraceError extends Error {}

/** What the binding was asked for, in order. */
interface Recording {
  readonly nodes: GraphNode[];
  /** Tensors that the computation made from numbers: constants, or noise. */
  readonly created: { readonly node: number; readonly shape: number[]; readonly dtype: number; readonly values: TensorValues }[];
  /** Outputs of each op, for a run without computing. */
  readonly results: { readonly op: string; readonly metadata: readonly TensorMetadata[] }[];
  readonly outputs: readonly string[];
}

const bytesOf = (values: TensorValues): Uint8Array => new Uint8Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength));

function withBinding<T>(backend: NativeBackend, replacement: Partial<Binding>, work: () => T): T {
  const original = backend.binding;
  // Defined, not assigned: the binding's own properties are read-only.
  backend.binding = Object.create(original, Object.getOwnPropertyDescriptors(replacement)) as Binding;
  try {
    return work();
  } finally {
    backend.binding = original;
  }
}

function record(backend: NativeBackend, inputs: readonly tf.Tensor[], compute: () => readonly tf.Tensor[]): Recording {
  const original = backend.binding;
  const nodes: GraphNode[] = [];
  const created: Recording['created'] = [];
  const results: Recording['results'] = [];
  /** Which node's output a tensor is. */
  const origin = new Map<number, string>();
  const add = (node: Omit<GraphNode, 'name'>): string => {
    const name = `n${nodes.length}`;
    nodes.push({ name, ...node });
    return name;
  };
  const constant = (dtype: number, shape: readonly number[], values: TensorValues): string => add({ op: 'Const', inputs: [], attributes: [{ name: 'dtype', type: attributeKinds.type, value: dtype }], value: { dtype, shape, bytes: bytesOf(values) } });
  backend.getInputTensorIds(inputs).forEach((id, i) => {
    const dtype = inputs[i].dtype === 'float32' ? 1 : 3;
    origin.set(id, add({ op: 'Placeholder', inputs: [], attributes: [{ name: 'dtype', type: attributeKinds.type, value: dtype }, { name: 'shape', type: attributeKinds.shape, value: inputs[i].shape }] }));
  });
  const originOf = (id: number): string => {
    const known = origin.get(id);
    if (known === undefined) throw new TraceError('the model uses a tensor that was made before the step');
    return known;
  };
  const recorder: Partial<Binding> = {
    createTensor(shape, dtype, values) {
      const id = original.createTensor(shape, dtype, values);
      created.push({ node: nodes.length, shape, dtype, values: values.slice() });
      origin.set(id, constant(dtype, shape, values));
      return id;
    },
    executeOp(op, attributes: OpAttribute[], inputIds, outputCount) {
      const sources = inputIds.map(originOf);
      const metadata = original.executeOp(op, attributes, inputIds, outputCount);
      const name = add({ op, inputs: sources, attributes });
      metadata.forEach(({ id }, i) => origin.set(id, `${name}:${i}`));
      results.push({ op, metadata });
      return metadata;
    },
    tensorDataSync() {
      throw new TraceError('the model reads a value in the middle of a step');
    },
  };
  const outputs = withBinding(backend, recorder, () => backend.getInputTensorIds(compute()).map(originOf));
  return { nodes, created, results, outputs };
}

/** Runs work as TFJS runs a forward pass whose gradient is wanted: with ops that are not fused. */
function onTape(work: () => void): void {
  const engine = tf.engine() as unknown as { startTape(): void; endTape(): void; state: { activeTape: { saved?: tf.Tensor[] }[] | null } };
  engine.startTape();
  try {
    work();
  } finally {
    engine.endTape();
    // What the ops kept for a gradient that nobody will take.
    for (const { saved } of engine.state.activeTape ?? []) tf.dispose(saved ?? []);
    engine.state.activeTape = null;
  }
}

const equalValues = (a: TensorValues, b: TensorValues): boolean => a.length === b.length && a.every((value, i) => value === b[i]);

/** Positions among the created tensors whose numbers differ between two draws. */
function noisePositions(first: Recording, second: Recording): number[] {
  const sameShape = first.nodes.length === second.nodes.length && first.created.length === second.created.length && first.nodes.every((node, i) => node.op === second.nodes[i].op && node.inputs.join() === second.nodes[i].inputs.join());
  if (!sameShape) throw new TraceError('the model takes another path at each draw');
  return first.created.flatMap(({ values }, i) => (equalValues(values, second.created[i].values) ? [] : [i]));
}

export interface Computation {
  /** What changes from run to run; each must be on the device. */
  readonly inputs: readonly tf.Tensor[];
  /** Everything, eagerly. */
  readonly compute: () => readonly tf.Tensor[];
  /** A part of `compute` from its start that makes all draws. */
  readonly forward: () => unknown;
  /** Runs work with the draws of a key. */
  readonly withDraws: <T>(key: readonly number[], work: () => T) => T;
}

interface Drawn {
  readonly shape: number[];
  readonly dtype: number;
  readonly values: TensorValues;
}

export class TracedGraph {
  readonly #model: number;
  readonly #outputNames: string;
  readonly #inputNames: string;

  private constructor(
    private readonly backend: NativeBackend,
    private readonly recording: Recording,
    private readonly noise: readonly number[],
    names: { inputs: readonly string[]; model: number },
  ) {
    this.#model = names.model;
    this.#inputNames = names.inputs.map((name) => `${name}:0`).join();
    this.#outputNames = recording.outputs.map((name) => (name.includes(':') ? name : `${name}:0`)).join();
  }

  /** @throws TraceError if it cannot be recorded */
  static record(backend: NativeBackend, messages: Messages, computation: Computation): TracedGraph {
    const { inputs, compute, withDraws } = computation;
    const draw = (key: number): Recording => {
      let recording!: Recording;
      tf.tidy(() => {
        recording = withDraws([key], () => record(backend, inputs, compute));
      });
      return recording;
    };
    const first = draw(1);
    const noise = noisePositions(first, draw(2));
    const nodes = [...first.nodes];
    for (const position of noise) {
      const { node, shape, dtype } = first.created[position];
      nodes[node] = { name: nodes[node].name, op: 'Placeholder', inputs: [], attributes: [{ name: 'dtype', type: attributeKinds.type, value: dtype }, { name: 'shape', type: attributeKinds.shape, value: shape }] };
    }
    const folder = mkdtempSync(join(tmpdir(), 'stillhouse-graph-'));
    try {
      writeSavedModel(messages, nodes, folder);
      const model = backend.binding.loadSavedModel(folder, graphTag);
      return new TracedGraph(backend, { ...first, nodes }, noise, { model, inputs: [...inputs.map((_, i) => nodes[i].name), ...noise.map((position) => nodes[first.created[position].node].name)] });
    } catch (cause) {
      throw new TraceError((cause instanceof Error ? cause.message : String(cause)).split('\n')[0]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Whether a run needs draws. */
  get isNoisy(): boolean {
    return this.noise.length > 0;
  }

  /** The outputs for other inputs of the same shapes, under the draws of `key`. */
  run({ inputs, forward, withDraws }: Omit<Computation, 'compute'>, key: readonly number[]): tf.Tensor[] {
    const { binding } = this.backend;
    // First, since it puts numbers that wait in JavaScript onto the device.
    const inputIds = this.backend.getInputTensorIds(inputs);
    const { drawn, released } = this.isNoisy ? this.#draw(forward, (work) => withDraws(key, work)) : { drawn: [], released: [] };
    const noiseIds = drawn.map(({ shape, dtype, values }) => binding.createTensor(shape, dtype, values));
    const outputs = binding.runSavedModel(this.#model, [...inputIds, ...noiseIds], this.#inputNames, this.#outputNames);
    for (const id of [...noiseIds, ...released]) binding.deleteTensor(id);
    return outputs.map((metadata) => this.backend.createOutputTensor(metadata));
  }

  dispose(): void {
    this.backend.binding.deleteSavedModel(this.#model);
  }

  /**
   * Goes through the forward pass without computing, for the numbers that it draws. Weights that the pass replaces are
   * hollow after it; the tensors that they held are `released`, to be deleted once they have been fed.
   */
  #draw(forward: () => unknown, withDraws: (work: () => void) => void): { drawn: Drawn[]; released: number[] } {
    const { created, results } = this.recording;
    const drawn: Drawn[] = [];
    const released: number[] = [];
    let createdCount = 0;
    let opCount = 0;
    // Negative ids: the backend deletes no such tensor.
    let fakeId = -1;
    const hollow: Partial<Binding> = {
      createTensor: (shape, dtype, values) => {
        if (this.noise.includes(createdCount)) drawn.push({ shape, dtype, values });
        createdCount += 1;
        return --fakeId;
      },
      executeOp: (op) => {
        const result = results[opCount++];
        if (result?.op !== op) throw new TraceError(`the model ran ${op} where ${result?.op ?? 'nothing'} was recorded`);
        return result.metadata.map(({ shape, dtype }) => ({ id: --fakeId, shape, dtype }));
      },
      deleteTensor: (id) => void released.push(id),
    };
    withBinding(this.backend, hollow, () => onTape(() => tf.tidy(() => withDraws(() => void forward()))));
    if (drawn.length !== this.noise.length || createdCount > created.length) throw new TraceError('the model draws other numbers than were recorded');
    return { drawn, released };
  }
}
