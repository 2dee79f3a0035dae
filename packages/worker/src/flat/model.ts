// A model's weights as flat buffers: the trainable ones, which the optimiser steps, and the others (moving averages of
// normalisation layers), which are averaged over ranks. Order: model.trainableWeights, further trainable weights of an
// objective, then model.nonTrainableWeights.
import * as tf from '@tensorflow/tfjs';
import { sharedFloats } from './memory.js';

/** A variable of a layer. */
export type Weight = tf.LayersModel['trainableWeights'][number];

const sizeOf = (weights: readonly Weight[]): number =>
  weights.reduce((sum, weight) => sum + weight.shape.reduce((product: number, size) => product * size!, 1), 0);

/** The parts of a flat buffer that belong to each weight. */
function viewsOf(weights: readonly Weight[], flat: Float32Array): Float32Array[] {
  let offset = 0;
  return weights.map((weight) => {
    const view = flat.subarray(offset, offset + weight.read().size);
    offset += view.length;
    return view;
  });
}

export interface FlatSizes {
  readonly parameterCount: number;
  readonly otherCount: number;
}

/** @param extra weights that are trained beside the model's own */
export const flatSizes = (model: tf.LayersModel, extra: readonly Weight[] = []): FlatSizes => ({
  parameterCount: sizeOf([...model.trainableWeights, ...extra]),
  otherCount: sizeOf(model.nonTrainableWeights),
});

export class FlatModel {
  readonly others: Float32Array;
  readonly #trainable: readonly Weight[];
  readonly #nonTrainable: readonly Weight[];
  readonly #isConstrained: boolean;
  /** Whether the buffers are newer than the model's own weights. */
  #isStale = false;

  private constructor(
    readonly model: tf.LayersModel,
    private readonly holder: { readonly parameters: Float32Array },
    extra: readonly Weight[],
  ) {
    this.#trainable = [...model.trainableWeights, ...extra];
    this.#nonTrainable = model.nonTrainableWeights;
    this.#isConstrained = this.#trainable.some((weight) => (weight as unknown as { constraint: unknown }).constraint);
    this.others = sharedFloats(sizeOf(this.#nonTrainable));
  }

  /**
   * @param holder who has the parameters' buffer, which then gets the model's weights
   * @param extra weights that are trained beside the model's own; they come behind them
   */
  static async of(
    model: tf.LayersModel,
    holder: { readonly parameters: Float32Array },
    extra: readonly Weight[] = [],
  ): Promise<FlatModel> {
    const flat = new FlatModel(model, holder, extra);
    await flat.#read(flat.#trainable, flat.parameters);
    await flat.#read(flat.#nonTrainable, flat.others);
    return flat;
  }

  get parameters(): Float32Array {
    return this.holder.parameters;
  }

  /** The trainable weights of the model alone. */
  get ownParameters(): Float32Array {
    return this.parameters.subarray(0, sizeOf(this.model.trainableWeights));
  }

  get variables(): tf.Variable[] {
    return this.#trainable.map((weight) => weight.read() as tf.Variable);
  }

  /** The non-trainable weights as the last forward pass left them. */
  get otherTensors(): tf.Tensor[] {
    return this.#nonTrainable.map((weight) => weight.read());
  }

  /** The numbers of each weight, the trainable ones first: as they are, or of another buffer of the same order. */
  views(buffer?: Float32Array): Float32Array[] {
    const { parameters } = this;
    const trainable = viewsOf(this.#trainable, buffer ?? parameters);
    return [...trainable, ...viewsOf(this.#nonTrainable, buffer ? buffer.subarray(parameters.length) : this.others)];
  }

  /** The buffers have other numbers. Where a layer constrains its weights, the constrained values come back. */
  async changed(): Promise<void> {
    this.#isStale = true;
    if (!this.#isConstrained) return;
    this.load();
    await this.#read(this.#trainable, this.parameters);
  }

  /** Puts the buffers into the model: for whoever computes with the model itself. */
  load(): void {
    if (this.#isStale) this.#write(this.#trainable, this.parameters);
    this.#isStale = false;
    // Always: a pass in training leaves other non-trainable weights in the model than it began with.
    this.#write(this.#nonTrainable, this.others);
  }

  #write(weights: readonly Weight[], from: Float32Array): void {
    for (const [i, view] of viewsOf(weights, from).entries()) {
      // The engine may keep the array that it is given, so it gets its own.
      const value = tf.tensor(view.slice(), weights[i].shape as number[]);
      weights[i].write(value);
      value.dispose();
    }
  }

  async #read(weights: readonly Weight[], out: Float32Array): Promise<void> {
    for (const [i, view] of viewsOf(weights, out).entries()) view.set(await weights[i].read().data());
  }
}
