// The pass of one rank's micro-batch: loss, gradient, and the non-trainable weights that it leaves. Eager, or recorded
// once per shape as a graph if the engine can (TensorFlow), which then runs as one call.
import { tf } from '@stillhouse/native/tfjs';
import { nativeTracing, TracedGraph, TraceError } from '@stillhouse/native/engines';
import type { FlatModel } from '../flat/model.js';
import type { PreparedBatch } from '../objective/objective.js';
import { withSeededRandom } from '../backend/seeded-random.js';

/** Loss, then the gradient of each trainable weight, then the non-trainable weights. */
function passOf(flat: FlatModel, batch: PreparedBatch): tf.Tensor[] {
  const { model, variables } = flat;
  const total = (): tf.Scalar => {
    // First, because a recorded pass must begin with the forward pass.
    const loss = batch.loss();
    const regularisation = model.calculateLosses();
    return regularisation.length ? tf.addN([loss, ...regularisation]) : loss;
  };
  const { value, grads } = tf.variableGrads(total, variables);
  // The weights are the model's own, so copies leave the pass.
  return [
    value,
    ...variables.map((variable) => grads[variable.name] ?? tf.zerosLike(variable)),
    ...flat.otherTensors.map((weight) => tf.clone(weight)),
  ];
}

/**
 * out[i] = factor · values[i] in fp32; returns whether every value is finite, since 0·x is NaN for those that are not.
 */
function copyScaled(values: Float32Array, factor: number, out: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    out[i] = factor * value;
    zero += value * 0;
  }
  return zero === 0;
}

export interface StepTask {
  readonly batch: PreparedBatch;
  /** Key for the draws of dropout and noise. */
  readonly key: readonly number[];
  /** Loss, gradient and the rest are multiplied by it, in fp32. */
  readonly share: number;
  /** One number; then one buffer for each trainable weight's gradient, and for each other weight. */
  readonly outputs: readonly Float32Array[];
}

export class RankStep {
  readonly #graphs = new Map<string, TracedGraph>();
  #isEager: boolean;

  /**
   * @param options.trace false to stay eager
   * @param options.onEager called once with the reason why a step stays eager although the engine could record it
   */
  constructor(
    private readonly flat: FlatModel,
    private readonly options: { trace: boolean; onEager: (reason: string) => void },
  ) {
    this.#isEager = !options.trace || nativeTracing() === undefined;
  }

  /** Writes the outputs; returns whether all of them are finite. */
  async run(task: StepTask): Promise<boolean> {
    if (!this.#isEager) {
      try {
        return this.#runTraced(task);
      } catch (error) {
        if (!(error instanceof TraceError)) throw error;
        this.#isEager = true;
        this.options.onEager(error.message);
      }
    }
    return this.#runEagerly(task);
  }

  dispose(): void {
    this.#graphs.clear();
  }

  async #runEagerly({ batch, key, share, outputs }: StepTask): Promise<boolean> {
    this.flat.load();
    const tensors = tf.tidy(() => withSeededRandom(key, () => passOf(this.flat, batch)));
    const values = await Promise.all(tensors.map((tensor) => tensor.data()));
    tf.dispose(tensors);
    return values.map((numbers, i) => copyScaled(numbers as Float32Array, share, outputs[i])).every(Boolean);
  }

  #runTraced({ batch, key, share, outputs }: StepTask): boolean {
    const { flat } = this;
    const tensors = [...flat.variables, ...flat.otherTensors, ...batch.inputs];
    const shapes = batch.inputs.map((tensor) => tensor.shape.join()).join(';');
    let graph = this.#graphs.get(shapes);
    if (!graph) {
      flat.load();
      graph = TracedGraph.record(nativeTracing()!, {
        inputs: tensors,
        compute: () => passOf(flat, batch),
        withDraws: withSeededRandom,
      });
      this.#graphs.set(shapes, graph);
    }
    const inputs = [...flat.views(), ...batch.inputs.map((tensor) => tensor.dataSync())];
    return graph.run({
      inputs,
      outputs,
      factor: share,
      forward: batch.loss,
      tensors,
      withDraws: (work) => withSeededRandom(key, work),
    });
  }
}
