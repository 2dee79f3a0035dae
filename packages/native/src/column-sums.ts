// Sums over all axes but the last, such as the gradient of a bias, for a GPU: TensorFlow's kernel gives each column a
// thread, and a tall matrix has few columns. Here its rows are laid side by side, summed as one wider matrix, and the
// sums that are left added up: the same additions in another order, the same for each run.
import type { OpAttribute } from './binding-api.js';
import { attributeKinds, type GraphNode } from './graph-def.js';
import { dataTypes } from './graph-builder.js';

/** Smaller sums take no longer than starting a second kernel. */
const leastNumbers = 2 ** 18;
/** As many threads as keep a GPU busy. */
const mostColumns = 2 ** 17;

const productOf = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);

/** How many rows are laid side by side; 1 to leave the sum as it is. */
export function rowsSideBySide(rows: number, columns: number): number {
  if (rows * columns < leastNumbers) return 1;
  let count = 1;
  while (rows % (2 * count) === 0 && 2 * count * columns <= mostColumns && 4 * count * count <= rows) count *= 2;
  return count;
}

const int32s = (name: string, values: readonly number[], isVector = true): GraphNode => ({
  name,
  op: 'Const',
  inputs: [],
  attributes: [{ name: 'dtype', type: attributeKinds.type, value: dataTypes.int32 }],
  value: {
    dtype: dataTypes.int32,
    shape: isVector ? [values.length] : [],
    bytes: new Uint8Array(Int32Array.from(values).buffer),
  },
});

const valueOf = (attributes: readonly OpAttribute[], name: string): unknown =>
  attributes.find((attribute) => attribute.name === name)?.value;

/** Whether a node sums fp32 over all axes but the last. */
function isColumnSum({ op, attributes }: GraphNode, shape: readonly number[], axes: GraphNode | undefined): boolean {
  if (op !== 'Sum' || shape.length < 2 || !axes?.value) return false;
  if (valueOf(attributes, 'T') !== dataTypes.float32 || valueOf(attributes, 'keep_dims')) return false;
  const { bytes } = axes.value;
  const listed = [...new Int32Array(bytes.slice().buffer)].sort((a, b) => a - b);
  return listed.length === shape.length - 1 && listed.every((axis, i) => axis === i);
}

/** @param shapes of the outputs of nodes, by name and index */
export function splitColumnSums(
  nodes: readonly GraphNode[],
  shapes: ReadonlyMap<string, readonly number[]>,
): GraphNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return nodes.flatMap((node) => {
    const { name, inputs, attributes } = node;
    const [source = '', axes = ''] = inputs;
    const shape = shapes.get(source) ?? [];
    if (!isColumnSum(node, shape, byName.get(axes.split(':')[0]))) return [node];
    const columns = shape.at(-1)!;
    const rows = productOf(shape) / columns;
    const count = rowsSideBySide(rows, columns);
    if (count === 1) return [node];
    const types: OpAttribute[] = [
      { name: 'T', type: attributeKinds.type, value: dataTypes.float32 },
      { name: 'Tshape', type: attributeKinds.type, value: dataTypes.int32 },
    ];
    const reshape = (part: string, input: string, sizes: readonly number[]): GraphNode[] => [
      int32s(`${name}/${part}/shape`, sizes),
      { name: `${name}/${part}`, op: 'Reshape', inputs: [input, `${name}/${part}/shape`], attributes: types },
    ];
    const first = int32s(`${name}/axis`, [0]);
    return [
      first,
      ...reshape('wide', source, [rows / count, count * columns]),
      { name: `${name}/sums`, op: 'Sum', inputs: [`${name}/wide`, first.name], attributes },
      ...reshape('rows', `${name}/sums`, [count, columns]),
      { name, op: 'Sum', inputs: [`${name}/rows`, first.name], attributes },
    ];
  });
}
