// Graphs written node by node, for what no recording has: variables of a session, and TensorFlow's fused optimisers.
import type { InputPlace, OpAttribute } from './binding-api.js';
import { attributeKinds, type GraphNode } from './graph-def.js';
import type { GraphParts } from './graph-session.js';

/** TensorFlow's numbers for types. */
export const dataTypes = { float32: 1, int32: 3, uint8: 4, bfloat16: 14 } as const;

/** A variable of a session, fp32. It has a value from the first assignment on. */
export interface SessionVariable {
  /** Its name in the session; graphs that name the same variable share it. */
  readonly name: string;
  readonly shape: readonly number[];
}

/** What bytes mean: byte · factor + offset, with one factor for all, or for each channel (last axis), or for each. */
export interface ByteScaling {
  readonly factors: readonly number[];
  readonly offsets: readonly number[];
}

export const typeAttribute = (name: string, value: number = dataTypes.float32): OpAttribute => ({
  name,
  type: attributeKinds.type,
  value,
});

export class GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #inputs: InputPlace[] = [];
  readonly #handles = new Map<string, string>();
  readonly #outputs: string[] = [];
  readonly #targets: string[] = [];

  get parts(): GraphParts {
    return { nodes: this.#nodes, inputs: this.#inputs, outputs: this.#outputs, targets: this.#targets };
  }

  /** Adds nodes that have names of their own. */
  include(nodes: readonly GraphNode[]): void {
    this.#nodes.push(...nodes);
  }

  /** @param inputs outputs of other nodes, and nodes that must have run before, as `^name` */
  add(op: string, inputs: readonly string[], attributes: readonly OpAttribute[] = []): string {
    const name = `b${this.#nodes.length}`;
    this.#nodes.push({ name, op, inputs, attributes });
    return name;
  }

  /** An op on fp32 whose only attribute is the type T. */
  op(op: string, ...inputs: readonly string[]): string {
    return this.add(op, inputs, [typeAttribute('T')]);
  }

  /** Bytes that are fed, as fp32. */
  feedBytes(shape: readonly number[], { factors, offsets }: ByteScaling): string {
    const types = [typeAttribute('SrcT', dataTypes.uint8), typeAttribute('DstT')];
    const numbers = this.add('Cast', [this.feed(shape, dataTypes.uint8)], types);
    const of = (values: readonly number[]): string => {
      const size = values.length;
      return this.constant(
        size === 1 ? [] : size === shape.at(-1) ? [size] : shape.slice(1),
        Float32Array.from(values),
      );
    };
    const scaled = this.op('Mul', numbers, of(factors));
    return offsets.every((offset) => offset === 0) ? scaled : this.op('AddV2', scaled, of(offsets));
  }

  /** An input, fp32 by default. */
  feed(shape: readonly number[], dtype: number = dataTypes.float32): string {
    const name = this.add(
      'Placeholder',
      [],
      [typeAttribute('dtype', dtype), { name: 'shape', type: attributeKinds.shape, value: shape }],
    );
    this.#inputs.push({ name, dtype, shape });
    return name;
  }

  /** A node that has a name and is included later is fed. */
  feedAt(place: InputPlace): void {
    this.#inputs.push(place);
  }

  constant(shape: readonly number[], values: Float32Array): string {
    const name = `b${this.#nodes.length}`;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
    this.#nodes.push({
      name,
      op: 'Const',
      inputs: [],
      attributes: [typeAttribute('dtype')],
      value: { dtype: dataTypes.float32, shape, bytes },
    });
    return name;
  }

  /** A constant vector of int32. */
  sizes(values: readonly number[]): string {
    const bytes = new Uint8Array(Int32Array.from(values).buffer);
    const value = { dtype: dataTypes.int32, shape: [values.length], bytes };
    const name = `b${this.#nodes.length}`;
    const dtype = typeAttribute('dtype', dataTypes.int32);
    this.#nodes.push({ name, op: 'Const', inputs: [], attributes: [dtype], value });
    return name;
  }

  scalar(value: number): string {
    return this.constant([], Float32Array.of(value));
  }

  handle({ name, shape }: SessionVariable): string {
    const known = this.#handles.get(name);
    if (known !== undefined) return known;
    const handle = this.add(
      'VarHandleOp',
      [],
      [
        typeAttribute('dtype'),
        { name: 'shape', type: attributeKinds.shape, value: shape },
        { name: 'shared_name', type: attributeKinds.string, value: name },
      ],
    );
    this.#handles.set(name, handle);
    return handle;
  }

  /** @param after nodes that must have run before */
  read(variable: SessionVariable, ...after: readonly string[]): string {
    return this.add(
      'ReadVariableOp',
      [this.handle(variable), ...after.map((name) => `^${name}`)],
      [typeAttribute('dtype')],
    );
  }

  /** Runs whenever the graph does. */
  assign(variable: SessionVariable, value: string, ...after: readonly string[]): string {
    return this.target(
      this.add(
        'AssignVariableOp',
        [this.handle(variable), value, ...after.map((name) => `^${name}`)],
        [typeAttribute('dtype')],
      ),
    );
  }

  /** variable += value. */
  increase(variable: SessionVariable, value: string): string {
    return this.target(this.add('AssignAddVariableOp', [this.handle(variable), value], [typeAttribute('dtype')]));
  }

  /**
   * An op that changes variables, of fp32.
   * @param options.after nodes that must have run before
   */
  update(
    op: string,
    variables: readonly SessionVariable[],
    inputs: readonly string[],
    { after, flags = {} }: { after: readonly string[]; flags?: Readonly<Record<string, boolean>> },
  ): string {
    return this.target(
      this.add(
        op,
        [...variables.map((variable) => this.handle(variable)), ...inputs, ...after.map((name) => `^${name}`)],
        [
          typeAttribute('T'),
          ...Object.entries(flags).map(([name, value]) => ({ name, type: attributeKinds.bool, value })),
        ],
      ),
    );
  }

  /** Zeros of a shape, made when the graph runs. */
  zeros(shape: readonly number[]): string {
    return this.op('Fill', this.sizes(shape), this.scalar(0));
  }

  /** A vector of scalars. */
  pack(values: readonly string[]): string {
    return this.add('Pack', values, [
      typeAttribute('T'),
      { name: 'N', type: attributeKinds.int, value: values.length },
      { name: 'axis', type: attributeKinds.int, value: 0 },
    ]);
  }

  sum(values: readonly string[]): string {
    if (values.length === 1) return values[0];
    return this.add('AddN', values, [
      typeAttribute('T'),
      { name: 'N', type: attributeKinds.int, value: values.length },
    ]);
  }

  /**
   * A copy of a value that is fed, for a variable: on a processor, the variable would otherwise be the memory that is
   * fed, which its owner changes.
   */
  copy(value: string): string {
    return this.op('DeepCopy', value);
  }

  target(node: string): string {
    this.#targets.push(node);
    return node;
  }

  fetch(output: string): void {
    this.#outputs.push(output);
  }
}
