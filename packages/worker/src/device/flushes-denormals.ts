// Whether the device that computes counts numbers below the normal range as zero, as processors do at TensorFlow's wish
// and some GPUs do. Sums of ranks are added there or in host memory, and must have the same bits.
import { GraphBuilder, GraphSession, type SessionTools } from '@stillhouse/native/engines';

const smallestNormal = 2 ** -126;
let found: boolean | undefined;

/** Adds two normal numbers whose sum is below the normal range; asked once per process. */
export function flushesDenormals(tools: SessionTools): boolean {
  return (found ??= add(tools, 1.5 * smallestNormal, -smallestNormal) === 0);
}

function add(tools: SessionTools, a: number, b: number): number {
  const graph = new GraphBuilder();
  const session = new GraphSession(tools);
  // Long enough for the kernels that real sums take.
  const count = 64;
  graph.fetch(graph.op('AddV2', graph.feed([count]), graph.feed([count])));
  const sum = new Float32Array(count);
  session.add(graph.parts).run([new Float32Array(count).fill(a), new Float32Array(count).fill(b)], [sum]);
  session.close();
  return sum[0];
}
