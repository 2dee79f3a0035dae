// Orthogonal initial weights of recurrent kernels, computed in double precision: the same bits on every engine. TFJS's
// own runs on the engine, takes seconds for a few hundred units, and runs again whenever a model is loaded.
import { tf } from '@stillhouse/native/tfjs';
import { gaussian } from '@stillhouse/core';

/** Columns [count][length] of normal numbers, orthonormalised one after the other (modified Gram–Schmidt). */
function orthonormal(count: number, length: number, next: () => number): Float64Array[] {
  const columns: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const column = Float64Array.from({ length }, () => gaussian(next));
    for (const before of columns) {
      let product = 0;
      for (let k = 0; k < length; k++) product += before[k] * column[k];
      for (let k = 0; k < length; k++) column[k] -= product * before[k];
    }
    let squares = 0;
    for (let k = 0; k < length; k++) squares += column[k] * column[k];
    const norm = Math.sqrt(squares);
    columns.push(column.map((value) => value / norm));
  }
  return columns;
}

type Initializer = ReturnType<typeof tf.initializers.glorotUniform>;

/** Its file form is that of its base, which is quick: the weights of a loaded model are set from the file. */
const Base = tf.initializers.glorotUniform({}).constructor as new (options: object) => Initializer;

class Orthogonal extends Base {
  /** A matrix [rows, columns] whose rows, or columns if there are fewer of them, are orthonormal (Saxe et al. 2014). */
  override apply([rows, columns]: [number, number]): tf.Tensor {
    const isWide = columns > rows;
    const vectors = orthonormal(Math.min(rows, columns), Math.max(rows, columns), Math.random);
    return tf.tensor2d(
      Float32Array.from({ length: rows * columns }, (_, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns];
        return isWide ? vectors[row][column] : vectors[column][row];
      }),
      [rows, columns],
    );
  }
}

interface Recurrent {
  readonly cell?: { recurrentInitializer: Initializer };
  readonly forwardLayer?: Recurrent;
  readonly backwardLayer?: Recurrent;
}

/** The layer itself; the kernels of its states will be orthogonal once it is built, if it has any. */
export function startOrthogonal(layer: tf.layers.Layer): tf.layers.Layer {
  const { cell, forwardLayer, backwardLayer } = layer as Recurrent;
  for (const each of [cell, forwardLayer?.cell, backwardLayer?.cell])
    if (each) each.recurrentInitializer = new Orthogonal({});
  return layer;
}
