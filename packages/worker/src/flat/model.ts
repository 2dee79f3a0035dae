// A model's weights as flat buffers: the trainable ones, which the optimiser steps, and the others (moving averages of
// normalisation layers), which are averaged over ranks. Order: model.trainableWeights, further trainable weights of an
// objective, then model.nonTrainableWeights.
import { tf } from '@stillhouse/native/tfjs';
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

/** @param extra weights that are trained in addition to the model's own */
export const flatSizes = (model: tf.LayersModel, extra: readonly Weight[] = []): FlatSizes => ({
  parameterCount: sizeOf([...model.trainableWeights, ...extra]),
  otherCount: sizeOf(model.nonTrainableWeights),
});

export class FlatModel {
  readonly others: Float32Array;
  readonly #trainable: readonly Weight[];
  readonly #nonTrainable: readonly Weight[];
  /** Whether a layer constrains its weights. */
  readonly isConstrained: boolean;
  /** Whether the buffers are newer than the model's own weights. */
  #isStale = false;

  private constructor(
    readonly model: tf.LayersModel,
    private readonly holder: { readonly parameters: Float32Array },
    extra: readonly Weight[],
  ) {
    this.#trainable = [...model.trainableWeights, ...extra];
    this.#nonTrainable = model.nonTrainableWeights;
    this.isConstrained = this.#trainable.some((weight) => (weight as unknown as { constraint: unknown }).constraint);
    this.others = sharedFloats(sizeOf(this.#nonTrainable));
  }

  /**
   * @param holder has the parameters' buffer, into which the model's weights are written
   * @param extra weights that are trained in addition to the model's own; they come after them
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

  /** Only the trainable weights of the model. */
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

  /**
   * The numbers of each weight, the trainable ones first: the current ones, or those of another buffer in the same
   * order.
   */
  views(buffer?: Float32Array): Float32Array[] {
    const { parameters } = this;
    const trainable = viewsOf(this.#trainable, buffer ?? parameters);
    return [...trainable, ...viewsOf(this.#nonTrainable, buffer ? buffer.subarray(parameters.length) : this.others)];
  }

  /** The parts of a buffer as long as the parameters that belong to each trainable weight. */
  trainableViews(buffer: Float32Array): Float32Array[] {
    return viewsOf(this.#trainable, buffer);
  }

  /** Shapes of the trainable weights, and of the others. */
  get shapes(): { trainable: number[][]; others: number[][] } {
    const shapesOf = (weights: readonly Weight[]): number[][] => weights.map(({ shape }) => shape as number[]);
    return { trainable: shapesOf(this.#trainable), others: shapesOf(this.#nonTrainable) };
  }

  /**
   * Call after the buffers have changed. If a layer constrains its weights, the constrained values are written back.
   */
  async changed(): Promise<void> {
    this.outdated();
    if (!this.isConstrained) return;
    this.load();
    await this.#read(this.#trainable, this.parameters);
  }

  /** Call after the model was given other weights than these. */
  outdated(): void {
    this.#isStale = true;
  }

  /** Copies the buffers into the model, for code that computes with the model itself. */
  load(): void {
    if (this.#isStale) this.#write(this.#trainable, this.parameters);
    this.#isStale = false;
    // Always: a training pass changes the model's non-trainable weights.
    this.#write(this.#nonTrainable, this.others);
  }

  #write(weights: readonly Weight[], from: Float32Array): void {
    for (const [i, view] of viewsOf(weights, from).entries()) {
      // TFJS may keep the array that it is given, so it gets a copy.
      const value = tf.tensor(view.slice(), weights[i].shape as number[]);
      weights[i].write(value);
      value.dispose();
    }
  }

  async #read(weights: readonly Weight[], out: Float32Array): Promise<void> {
    for (const [i, view] of viewsOf(weights, out).entries()) view.set(await weights[i].read().data());
  }
}
