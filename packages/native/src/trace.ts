// A computation recorded once as a graph, and run as one call from then on. The backend's binding is wrapped while the
// computation runs eagerly; every op becomes a node. Random draws, found by drawing twice, become inputs.
import { tf } from './tfjs.js';
import { firstLineOf } from '@stillhouse/core';
import type { Binding, InputPlace, NativeBackend, OpAttribute, TensorMetadata, TensorValues } from './binding-api.js';
import { splitColumnSums } from './column-sums.js';
import { dataTypes, GraphBuilder, type ByteScaling, type SessionVariable } from './graph-builder.js';
import { inHalfPrecision } from './half-precision.js';
import { attributeKinds, type GraphNode } from './graph-def.js';
import type { GraphCall, GraphSession, SessionTools } from './graph-session.js';

/** Why a computation cannot be recorded; it then stays eager. */
export class TraceError extends Error {}

const dtypeOf = (tensor: tf.Tensor): number => (tensor.dtype === 'float32' ? dataTypes.float32 : dataTypes.int32);

/** The calls of the binding, in order. */
interface Recording {
  readonly nodes: GraphNode[];
  /** Tensors that the computation made from numbers: constants, or noise. */
  readonly created: {
    readonly node: number;
    readonly shape: number[];
    readonly dtype: number;
    readonly values: TensorValues;
  }[];
  /** Outputs of each op, for a pass without computing. */
  readonly results: { readonly op: string; readonly metadata: readonly TensorMetadata[] }[];
  /** Of the outputs of ops, by name and index. */
  readonly shapes: Map<string, readonly number[]>;
  readonly outputs: readonly string[];
}

const bytesOf = (values: TensorValues): Uint8Array =>
  new Uint8Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength));

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

const placeholderOf = (name: string, shape: readonly number[], dtype: number): GraphNode => ({
  name,
  op: 'Placeholder',
  inputs: [],
  attributes: [
    { name: 'dtype', type: attributeKinds.type, value: dtype },
    { name: 'shape', type: attributeKinds.shape, value: shape },
  ],
});

function record(backend: NativeBackend, inputs: readonly tf.Tensor[], compute: () => readonly tf.Tensor[]): Recording {
  const original = backend.binding;
  const nodes: GraphNode[] = [];
  const created: Recording['created'] = [];
  const results: Recording['results'] = [];
  /** The node whose output a tensor is. */
  const origin = new Map<number, string>();
  const shapes = new Map<string, readonly number[]>();
  /** Types of the inputs by their nodes. */
  const given = new Map<string, number>();
  const add = (node: Omit<GraphNode, 'name'>): string => {
    const name = `n${nodes.length}`;
    nodes.push({ name, ...node });
    return name;
  };
  const constant = (dtype: number, shape: readonly number[], values: TensorValues): string =>
    add({
      op: 'Const',
      inputs: [],
      attributes: [{ name: 'dtype', type: attributeKinds.type, value: dtype }],
      value: { dtype, shape, bytes: bytesOf(values) },
    });
  backend.getInputTensorIds(inputs).forEach((id, i) => {
    const { op, inputs: sources, attributes } = placeholderOf('', inputs[i].shape, dtypeOf(inputs[i]));
    const name = add({ op, inputs: sources, attributes });
    origin.set(id, name);
    given.set(name, dtypeOf(inputs[i]));
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
      metadata.forEach(({ id, shape }, i) => {
        origin.set(id, `${name}:${i}`);
        shapes.set(`${name}:${i}`, shape);
      });
      results.push({ op, metadata });
      return metadata;
    },
    tensorDataSync() {
      throw new TraceError('the model reads a value in the middle of a step');
    },
  };
  const sources = withBinding(backend, recorder, () => backend.getInputTensorIds(compute()).map(originOf));
  // A session does not return its inputs: an input that comes out unchanged, such as a frozen weight, is copied.
  const outputs = sources.map((source) =>
    given.has(source)
      ? add({
          op: 'Identity',
          inputs: [source],
          attributes: [{ name: 'T', type: attributeKinds.type, value: given.get(source)! }],
        })
      : source,
  );
  return { nodes, created, results, shapes, outputs };
}

/** Runs work as TFJS runs a forward pass whose gradient is needed: with ops that are not fused. */
function onTape(work: () => void): void {
  const engine = tf.engine() as unknown as {
    startTape(): void;
    endTape(): void;
    state: { activeTape: { saved?: tf.Tensor[] }[] | null };
  };
  engine.startTape();
  try {
    work();
  } finally {
    engine.endTape();
    // What the ops kept for a gradient that will not be computed.
    for (const { saved } of engine.state.activeTape ?? []) tf.dispose(saved ?? []);
    engine.state.activeTape = null;
  }
}

const equalValues = (a: TensorValues, b: TensorValues): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

/** Positions among the created tensors whose numbers differ between two draws. */
function noisePositions(first: Recording, second: Recording): number[] {
  const sameShape =
    first.nodes.length === second.nodes.length &&
    first.created.length === second.created.length &&
    first.nodes.every(
      (node, i) => node.op === second.nodes[i].op && node.inputs.join() === second.nodes[i].inputs.join(),
    );
  if (!sameShape) throw new TraceError('the model takes another path at each draw');
  return first.created.flatMap(({ values }, i) => (equalValues(values, second.created[i].values) ? [] : [i]));
}

export interface Computation {
  /** What changes from run to run. */
  readonly inputs: readonly tf.Tensor[];
  /** Everything, eagerly. */
  readonly compute: () => readonly tf.Tensor[];
  /** Whether products of matrices and convolutions are computed in bf16. */
  readonly isHalf?: boolean;
  /** Runs work with the draws of a key. */
  readonly withDraws: <T>(key: readonly number[], work: () => T) => T;
}

/** How a recording becomes part of a session. */
export interface Wiring {
  /** The inputs that are variables, a number for ever, or fed as bytes; the others are fed as they were recorded. */
  readonly inputs?: readonly (SessionVariable | ByteScaling | number | undefined)[];
  /** The outputs that variables get, or that only `finish` uses; the others are fetched. */
  readonly outputs?: readonly (SessionVariable | 'dropped' | undefined)[];
  /** Adds what is to run and to be fetched besides; it gets the names of all outputs. */
  readonly finish?: (graph: GraphBuilder, outputs: readonly string[]) => void;
}

export interface TracedRun {
  /** Numbers of the inputs that are fed, in the order in which they were recorded. */
  readonly inputs: readonly TensorValues[];
  /** Where each output that is fetched is written. */
  readonly outputs: readonly Float32Array[];
  /** A part of the computation from its start that makes all draws; `tensors` are the inputs that it uses. */
  readonly forward: () => unknown;
  readonly tensors: readonly tf.Tensor[];
  readonly withDraws: (work: () => void) => void;
}

export interface NativeTools extends SessionTools {
  readonly backend: NativeBackend;
  /** Whether the training state is to lie on the device. */
  readonly isStateOnDevice: boolean;
}

/** A computation as a graph, to be wired into sessions. */
export class TracedComputation {
  private constructor(
    private readonly backend: NativeBackend,
    private readonly recording: Recording,
    private readonly noise: ReadonlySet<number>,
    /** With the places of all inputs, then of the noise. */
    private readonly graph: { readonly places: readonly InputPlace[]; readonly nodes: readonly GraphNode[] },
  ) {}

  /** @throws TraceError if it cannot be recorded */
  static record(
    backend: NativeBackend,
    { inputs, compute, isHalf = false, withDraws }: Computation,
  ): TracedComputation {
    const draw = (key: number): Recording => {
      let recording!: Recording;
      tf.tidy(() => {
        recording = withDraws([key], () => record(backend, inputs, compute));
      });
      return recording;
    };
    const recording = draw(1);
    const noise = noisePositions(recording, draw(2));
    const nodes = [...recording.nodes];
    const places = inputs.map((tensor, i) => ({ name: nodes[i].name, dtype: dtypeOf(tensor), shape: tensor.shape }));
    for (const position of noise) {
      const { node, shape, dtype } = recording.created[position];
      nodes[node] = placeholderOf(nodes[node].name, shape, dtype);
      places.push({ name: nodes[node].name, dtype, shape });
    }
    const { shapes } = recording;
    const split = backend.binding.isUsingGpuDevice() ? splitColumnSums(nodes, shapes) : nodes;
    const fitted = isHalf ? inHalfPrecision(split) : split;
    return new TracedComputation(backend, recording, new Set(noise), { places, nodes: fitted });
  }

  /** @throws TraceError if TensorFlow refuses the graph */
  in(session: GraphSession, { inputs = [], outputs: targets = [], finish }: Wiring = {}): TracedCall {
    const graph = new GraphBuilder();
    const names = new Map<string, string>();
    for (const [i, place] of this.graph.places.entries()) {
      const source = inputs[i];
      if (source === undefined) graph.feedAt(place);
      else if (typeof source === 'number') names.set(place.name, graph.scalar(source));
      else if ('factors' in source) names.set(place.name, graph.feedBytes(place.shape, source));
      else names.set(place.name, graph.read(source));
    }
    const renamed = (input: string): string => names.get(input) ?? input;
    graph.include(
      this.graph.nodes
        .filter(({ name }) => !names.has(name))
        .map((node) => ({ ...node, inputs: node.inputs.map(renamed) })),
    );
    const outputs = this.recording.outputs.map(renamed);
    for (const [i, output] of outputs.entries()) {
      const target = targets[i];
      if (target === undefined) graph.fetch(output);
      else if (target !== 'dropped') graph.assign(target, output);
    }
    finish?.(graph, outputs);
    try {
      return new TracedCall(this, session.add(graph.parts));
    } catch (cause) {
      throw new TraceError(firstLineOf(cause));
    }
  }

  /**
   * Goes through the forward pass without computing, for the numbers that it draws. Weights that it replaces are
   * invalid afterwards.
   */
  draw({ forward, tensors, withDraws }: Pick<TracedRun, 'forward' | 'tensors' | 'withDraws'>): TensorValues[] {
    if (this.noise.size === 0) return [];
    const { backend } = this;
    // Data that wait in JavaScript are moved to the device first, as they were when the pass was recorded.
    backend.getInputTensorIds(tensors);
    const { created, results } = this.recording;
    const drawn: TensorValues[] = [];
    const released: number[] = [];
    let createdCount = 0;
    let opCount = 0;
    // Negative ids: the backend does not delete such tensors.
    let fakeId = -1;
    const hollow: Partial<Binding> = {
      createTensor: (_shape, _dtype, values) => {
        if (this.noise.has(createdCount++)) drawn.push(values);
        return --fakeId;
      },
      executeOp: (op) => {
        const result = results[opCount++];
        if (result?.op !== op)
          throw new TraceError(`the model ran ${op} where ${result?.op ?? 'nothing'} was recorded`);
        return result.metadata.map(({ shape, dtype }) => ({ id: --fakeId, shape, dtype }));
      },
      deleteTensor: (id) => void released.push(id),
    };
    withBinding(backend, hollow, () => onTape(() => tf.tidy(() => withDraws(() => void forward()))));
    for (const id of released) backend.binding.deleteTensor(id);
    if (drawn.length !== this.noise.size || createdCount > created.length)
      throw new TraceError('the model draws other numbers than were recorded');
    return drawn;
  }
}

/** A recorded computation in a session. */
export class TracedCall {
  constructor(
    private readonly computation: TracedComputation,
    private readonly call: GraphCall,
  ) {}

  /** Runs the graph on other numbers; returns whether all outputs that are fetched are finite. */
  run(run: TracedRun): boolean {
    return this.call.run([...run.inputs, ...this.computation.draw(run)], run.outputs);
  }
}
