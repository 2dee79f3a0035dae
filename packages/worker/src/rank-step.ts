// The pass of one rank's micro-batch: loss, gradient, and the non-trainable weights that it leaves. Eager, or recorded
// once per shape as a graph where the engine can (TensorFlow), which then runs as one call.
import * as tf from '@tensorflow/tfjs';
import { nativeTracing, TracedGraph, TraceError } from '@stillhouse/native';
import type { FlatModel } from './flat-model.js';
import type { PreparedBatch } from './objective.js';
import { withSeededRandom } from './seeded-random.js';

/** Loss, then the gradient of each trainable weight, then the non-trainable weights. */
function passOf(flat: FlatModel, batch: PreparedBatch): tf.Tensor[] {
  const { model, variables } = flat;
  const total = (): tf.Scalar => {
    // First, so that a forward pass is how a recorded pass begins.
    const loss = batch.loss();
    const regularisation = model.calculateLosses();
    return regularisation.length ? tf.addN([loss, ...regularisation]) : loss;
  };
  const { value, grads } = tf.variableGrads(total, variables);
  // The weights are the model's own: what leaves a pass are copies.
  return [value, ...variables.map((variable) => grads[variable.name] ?? tf.zerosLike(variable)), ...flat.otherTensors.map((weight) => tf.clone(weight))];
}

export class RankStep {
  readonly #graphs = new Map<string, TracedGraph>();
  #isEager: boolean;

  /**
   * @param options.trace false to stay eager
   * @param options.onEager told once why a step stays eager although the engine could record it
   */
  constructor(
    private readonly flat: FlatModel,
    private readonly options: { trace: boolean; onEager: (reason: string) => void },
  ) {
    this.#isEager = !options.trace || nativeTracing() === undefined;
  }

  /**
   * @param key draws of dropout and noise
   * @returns tensors that the caller disposes of
   */
  run(batch: PreparedBatch, key: readonly number[]): tf.Tensor[] {
    if (!this.#isEager) {
      try {
        return this.#runTraced(batch, key);
      } catch (error) {
        if (!(error instanceof TraceError)) throw error;
        this.#isEager = true;
        this.options.onEager(error.message);
        this.flat.writeOthers();
      }
    }
    return tf.tidy(() => withSeededRandom(key, () => passOf(this.flat, batch)));
  }

  dispose(): void {
    for (const graph of this.#graphs.values()) graph.dispose();
    this.#graphs.clear();
  }

  #runTraced(batch: PreparedBatch, key: readonly number[]): tf.Tensor[] {
    const { backend, messages } = nativeTracing()!;
    const { flat } = this;
    const computation = { inputs: [...flat.variables, ...flat.otherTensors, ...batch.inputs], compute: () => passOf(flat, batch), forward: batch.loss, withDraws: withSeededRandom };
    const shapes = batch.inputs.map((tensor) => tensor.shape.join()).join(';');
    let graph = this.#graphs.get(shapes);
    if (!graph) {
      graph = TracedGraph.record(backend, messages, computation);
      this.#graphs.set(shapes, graph);
      // Recording ran the pass, which moves the averages of normalisation layers.
      flat.writeOthers();
    }
    return graph.run(computation, key);
  }
}
