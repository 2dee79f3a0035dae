// Who labels the rows that a student learns from.
import * as tf from '@tensorflow/tfjs';
import { forwardOf, layerOf, type Forward, type NamedLayer } from './layers.js';

export interface Teacher {
  /**
   * @param name by default the layer before the last one with weights
   * @param where place of the name in the recipe
   * @throws StillhouseError MODEL_LAYER
   */
  layer(name: string | undefined, where: string): NamedLayer;
  /** Outputs [rows, outputs], then those of layers, of rows as the student gets them; in inference. */
  respond(x: tf.Tensor, layers: readonly string[]): Promise<tf.Tensor[]>;
}

/** The inputs that the teacher knows: a student's further ones come behind them. */
function teachersInputs(model: tf.LayersModel, x: tf.Tensor): tf.Tensor {
  const [, width] = model.inputs[0].shape;
  return x.rank === 2 && width! < x.shape[1]! ? tf.slice(x, [0, 0], [x.shape[0], width!]) : x;
}

/** A teacher that is a TFJS model. */
export class LayersTeacher implements Teacher {
  readonly #forwards = new Map<string, Forward>();

  constructor(private readonly model: tf.LayersModel) {}

  layer(name: string | undefined, where: string): NamedLayer {
    return layerOf(this.model, { name, part: 'teacher', where });
  }

  respond(x: tf.Tensor, layers: readonly string[]): Promise<tf.Tensor[]> {
    const key = layers.join('\n');
    const forward = this.#forwards.get(key) ?? forwardOf(this.model, layers);
    this.#forwards.set(key, forward);
    return Promise.resolve(tf.tidy(() => {
      const { outputs, features } = forward(teachersInputs(this.model, x), false);
      return [outputs, ...layers.map((name) => features.get(name)!)];
    }));
  }
}
