// A model's weights as flat buffers: the trainable ones, which the optimiser steps, and the others (moving averages of
// normalisation layers), which are averaged over ranks. Order: model.trainableWeights, then model.nonTrainableWeights.
import * as tf from '@tensorflow/tfjs';

type Weight = tf.LayersModel['trainableWeights'][number];

const sizeOf = (weights: readonly Weight[]): number => weights.reduce((sum, weight) => sum + weight.shape.reduce((product: number, size) => product * size!, 1), 0);

export class FlatModel {
  readonly parameters: Float32Array;
  readonly others: Float32Array;
  readonly #trainable: readonly Weight[];
  readonly #nonTrainable: readonly Weight[];

  private constructor(readonly model: tf.LayersModel) {
    this.#trainable = model.trainableWeights;
    this.#nonTrainable = model.nonTrainableWeights;
    this.parameters = new Float32Array(sizeOf(this.#trainable));
    this.others = new Float32Array(sizeOf(this.#nonTrainable));
  }

  static async of(model: tf.LayersModel): Promise<FlatModel> {
    const flat = new FlatModel(model);
    await flat.#read(flat.#trainable, flat.parameters);
    await flat.#read(flat.#nonTrainable, flat.others);
    return flat;
  }

  get variables(): tf.Variable[] {
    return this.#trainable.map((weight) => weight.read() as tf.Variable);
  }

  /** The non-trainable weights as the last forward pass left them. */
  get otherTensors(): tf.Tensor[] {
    return this.#nonTrainable.map((weight) => weight.read());
  }

  /** Puts the flat buffers into the model. Where a layer constrains its weights, the constrained values come back. */
  async write(): Promise<void> {
    this.#write(this.#trainable, this.parameters);
    this.writeOthers();
    if (this.#trainable.some((weight) => (weight as unknown as { constraint: unknown }).constraint)) await this.#read(this.#trainable, this.parameters);
  }

  writeOthers(): void {
    this.#write(this.#nonTrainable, this.others);
  }

  #write(weights: readonly Weight[], from: Float32Array): void {
    let offset = 0;
    for (const weight of weights) {
      const size = weight.read().size;
      // The engine may keep the array that it is given, so it gets its own.
      const value = tf.tensor(from.slice(offset, offset + size), weight.shape as number[]);
      weight.write(value);
      value.dispose();
      offset += size;
    }
  }

  async #read(weights: readonly Weight[], out: Float32Array): Promise<void> {
    let offset = 0;
    for (const weight of weights) {
      const values = await weight.read().data();
      out.set(values, offset);
      offset += values.length;
    }
  }
}
