// A GRU that resets after the recurrent product, as Keras's does by default: TFJS's resets before it.
import { tf } from '@stillhouse/native/tfjs';

/** Its name among the classes of TFJS. */
export const resetAfterGru = 'ResetAfterGRU';

interface Variable {
  read(): tf.Tensor;
}

interface Activation {
  apply(x: tf.Tensor): tf.Tensor;
}

/** The part of TFJS's GRUCell that is used here; its type is not exported. */
interface GruCell {
  readonly units: number;
  readonly useBias: boolean;
  kernel: Variable;
  recurrentKernel: Variable;
  bias: Variable | null;
  readonly activation: Activation;
  readonly recurrentActivation: Activation;
  built: boolean;
  /** @param shape [rows, inputs] */
  build: (shape: readonly (number | null)[]) => void;
  /** @param inputs x and the state */
  call: (inputs: readonly tf.Tensor[]) => tf.Tensor[];
  addWeight(name: string, shape: readonly number[], type: undefined, initializer: unknown): Variable;
}

/**
 * One step (Cho et al. 2014, with Keras's order of gates z, r, h): h' = z h + (1 − z) tanh(W x + b + r (U h + c)).
 * @param x [rows, inputs]
 * @param h [rows, units]
 */
function step(cell: GruCell, x: tf.Tensor, h: tf.Tensor): tf.Tensor {
  const [inputBias, recurrentBias] = cell.bias ? tf.unstack(cell.bias.read()) : [];
  const product = (value: tf.Tensor, kernel: Variable, bias: tf.Tensor | undefined): tf.Tensor[] => {
    const all = tf.matMul(value, kernel.read());
    return tf.split(bias ? tf.add(all, bias) : all, 3, 1);
  };
  const [xz, xr, xh] = product(x, cell.kernel, inputBias);
  const [hz, hr, hh] = product(h, cell.recurrentKernel, recurrentBias);
  const z = cell.recurrentActivation.apply(tf.add(xz, hz));
  const r = cell.recurrentActivation.apply(tf.add(xr, hr));
  const candidate = cell.activation.apply(tf.add(xh, tf.mul(r, hh)));
  return tf.add(tf.mul(z, h), tf.mul(tf.sub(1, z), candidate));
}

/** Changes a cell of TFJS's so that it has two biases, for inputs and for the state, and computes step(). */
function change(cell: GruCell): void {
  const bias = cell.useBias;
  cell.build = (shape) => {
    const inputs = shape.at(-1)!;
    const zeros = tf.initializers.zeros();
    cell.kernel = cell.addWeight('kernel', [inputs, 3 * cell.units], undefined, zeros);
    cell.recurrentKernel = cell.addWeight('recurrent_kernel', [cell.units, 3 * cell.units], undefined, zeros);
    cell.bias = bias ? cell.addWeight('bias', [2, 3 * cell.units], undefined, zeros) : null;
    cell.built = true;
  };
  cell.call = (inputs) =>
    tf.tidy(() => {
      const [x, h] = inputs;
      const next = step(cell, x, h);
      return [next, next];
    });
}

type LayerClass = new (config: object) => { readonly cell: GruCell };

/** Makes the class known to TFJS, once. */
export function registerResetAfterGru(): void {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  if (resetAfterGru in classNameMap) return;
  const Gru = classNameMap['GRU'][0] as unknown as LayerClass;
  class ResetAfterGru extends Gru {
    static readonly className = resetAfterGru;

    constructor(config: object) {
      super(config);
      change(this.cell);
    }
  }
  tf.serialization.registerClass(ResetAfterGru as never);
}
