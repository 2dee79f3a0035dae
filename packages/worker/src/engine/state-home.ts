// Where the state of a phase lies between steps: in host memory, or on the device that computes. The engine does not
// ask which.
import type { SumMemory, Span } from '@stillhouse/core/cluster';
import type { FlatModel } from '../flat/model.js';
import type { PreparedBatch } from '../objective/objective.js';
import type { Pass } from './pass.js';

/** Where the contribution of one rank goes. */
export interface Leaf {
  /** All of it, in host memory; only a home there fills it. */
  readonly out: Float32Array;
  /** The end of `out`: what follows the gradient and the non-trainable weights. In host memory for all homes. */
  readonly rest: Float32Array;
  /** Everything becomes 0. */
  clear(): void;
  /**
   * Everything but `rest` becomes what the pass gives.
   * @param loss one number, for the loss
   * @returns whether all of it is finite
   */
  write(pass: Pass, loss: Float32Array): Promise<boolean>;
}

/** A micro-batch whose inputs are fed as bytes. */
export interface ByteBatch {
  /** One of the same form, in place of which the bytes are fed. */
  readonly batch: PreparedBatch;
  /** Memory for so many bytes, which is used again for the next one. */
  readonly allocate: (length: number) => Uint8Array;
}

export interface SumTask {
  readonly span: Span;
  /** Where the sum goes. If it is the buffer that `apply` reads, the home may keep it to itself, except for `rest`. */
  readonly sum: Float32Array;
  /** As long, one for each depth of the tree below the root. */
  readonly scratch: readonly Float32Array[];
  readonly write: (rank: number, leaf: Leaf) => Promise<void>;
}

export interface StateHome {
  /** The weights in host memory, current after `toHost`. */
  readonly flat: FlatModel;
  /** The optimiser's state in host memory, current after `toHost`. */
  readonly state: readonly Float32Array[];
  /** The gradient of the mean loss over the global batch, followed by what else is summed. */
  readonly flatGradient: Float32Array;
  /** Where sums lie that are added up to `flatGradient`. */
  readonly memory: SumMemory;
  /** Memory for the inputs of a micro-batch, which is used again for the next one of as many. */
  readonly staging?: (length: number) => Float32Array;
  /** How a micro-batch of so many rows stays bytes; undefined if it cannot. */
  byteBatch?(rows: number): Promise<ByteBatch | undefined>;
  sum(task: SumTask): Promise<void>;
  /**
   * Steps the weights with the gradient in `flatGradient`, or the one that `sum` kept, and takes over the non-trainable
   * weights that follow it.
   * @param at learning rate of this step, and the step counted from 0
   * @returns whether all weights are finite; if not, those in host memory are unchanged, and those on a device of no
   *   use any more
   */
  apply(at: { learningRate: number; step: number }): Promise<boolean>;
  /** Makes the views of the weights and of the optimiser's state current. */
  toHost(): void;
  /** Call after they were changed. */
  toDevice(): Promise<void>;
  dispose(): void;
}
