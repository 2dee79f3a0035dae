// A recorded computation as a GraphDef. The message classes are tfjs-node-gpu's own.
import type { OpAttribute } from './binding-api.js';

/** Setters of the generated protobuf classes that are used here. */
export type Message = Record<string, (...values: unknown[]) => unknown> & { serializeBinary(): Uint8Array };
export type Messages = Record<string, (new () => Message) & Record<string, new () => Message>>;

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** Outputs of other nodes, as name:index. */
  readonly inputs: readonly string[];
  readonly attributes: readonly OpAttribute[];
  /** Value of a constant. */
  readonly value?: { readonly dtype: number; readonly shape: readonly number[]; readonly bytes: Uint8Array };
}

export const attributeKinds = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

function shapeMessage(messages: Messages, shape: readonly number[]): Message {
  const proto = new messages['TensorShape']();
  for (const size of shape) {
    const dim = new messages['TensorShape']['Dim']();
    dim['setSize'](size);
    proto['addDim'](dim);
  }
  return proto;
}

function scalarSetter(kind: number): string {
  switch (kind) {
    case attributeKinds.string:
      return 'S';
    case attributeKinds.int:
      return 'I';
    case attributeKinds.float:
      return 'F';
    case attributeKinds.type:
      return 'Type';
    default:
      return 'B';
  }
}

const encodeString = (kind: number, value: unknown): unknown =>
  kind === attributeKinds.string ? new TextEncoder().encode(String(value)) : value;

function attributeMessage(messages: Messages, { type, value }: OpAttribute): Message {
  const proto = new messages['AttrValue']();
  if (type === attributeKinds.shape) {
    proto['setShape'](shapeMessage(messages, value as number[]));
  } else if (Array.isArray(value)) {
    const list = new messages['AttrValue']['ListValue']();
    for (const item of value) list[`add${scalarSetter(type)}`](encodeString(type, item));
    proto['setList'](list);
  } else {
    proto[`set${scalarSetter(type)}`](encodeString(type, value));
  }
  return proto;
}

function nodeMessage(messages: Messages, node: GraphNode): Message {
  const proto = new messages['NodeDef']();
  proto['setName'](node.name);
  proto['setOp'](node.op);
  proto['setInputList'](node.inputs);
  const attributes = proto['getAttrMap']() as Map<string, Message>;
  for (const attribute of node.attributes) attributes.set(attribute.name, attributeMessage(messages, attribute));
  if (node.value) {
    const tensor = new messages['Tensor']();
    tensor['setDtype'](node.value.dtype);
    tensor['setTensorShape'](shapeMessage(messages, node.value.shape));
    tensor['setTensorContent'](node.value.bytes);
    const value = new messages['AttrValue']();
    value['setTensor'](tensor);
    attributes.set('value', value);
  }
  return proto;
}

/** The graph as a serialised GraphDef. */
export function graphDefOf(messages: Messages, nodes: readonly GraphNode[]): Uint8Array {
  const graph = new messages['GraphDef']();
  graph['setNodeList'](nodes.map((node) => nodeMessage(messages, node)));
  return graph.serializeBinary();
}
