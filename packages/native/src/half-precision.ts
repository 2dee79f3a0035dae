// A recording whose products of matrices and convolutions are computed in bf16: their inputs are rounded, and their
// results are fp32 again. Everything between them stays as it was recorded.
import type { OpAttribute } from './binding-api.js';
import { attributeKinds, type GraphNode } from './graph-def.js';
import { dataTypes } from './graph-builder.js';

/** Of each op, which inputs are numbers that are multiplied; the others are shapes. */
const multiplying: Readonly<Record<string, readonly number[]>> = {
  MatMul: [0, 1],
  BatchMatMulV2: [0, 1],
  Conv2D: [0, 1],
  Conv2DBackpropInput: [1, 2],
  Conv2DBackpropFilter: [0, 2],
  Conv3D: [0, 1],
  Conv3DBackpropInputV2: [1, 2],
  Conv3DBackpropFilterV2: [0, 2],
};

const castFrom = (from: number, to: number): OpAttribute[] => [
  { name: 'SrcT', type: attributeKinds.type, value: from },
  { name: 'DstT', type: attributeKinds.type, value: to },
];

export function inHalfPrecision(nodes: readonly GraphNode[]): GraphNode[] {
  const { float32, bfloat16 } = dataTypes;
  return nodes.flatMap((node) => {
    const { name, op, attributes } = node;
    const rounded = multiplying[op];
    if (!rounded || !attributes.some((each) => each.name === 'T' && each.value === float32)) return [node];
    const casts = rounded.map((at): GraphNode => ({
      name: `${name}/rounded${at}`,
      op: 'Cast',
      inputs: [node.inputs[at]],
      attributes: castFrom(float32, bfloat16),
    }));
    const inputs = node.inputs.map((input, at) => (rounded.includes(at) ? `${name}/rounded${at}` : input));
    const product: GraphNode = {
      ...node,
      name: `${name}/product`,
      inputs,
      attributes: attributes.map((each) => (each.name === 'T' ? { ...each, value: bfloat16 } : each)),
    };
    return [...casts, product, { name, op: 'Cast', inputs: [product.name], attributes: castFrom(bfloat16, float32) }];
  });
}
