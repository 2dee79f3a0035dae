// Layers that a student copies from its teacher, to be trained further or frozen.
import { tf } from '@stillhouse/native/tfjs';
import { StillhouseError, type CopyConfig } from '@stillhouse/core';

const withWeights = (model: tf.LayersModel): tf.layers.Layer[] =>
  model.layers.filter((layer) => layer.weights.length > 0);

const named = (model: tf.LayersModel, name: string, what: { part: string; where: string }): tf.layers.Layer => {
  const layer = withWeights(model).find((each) => each.name === name);
  if (layer) return layer;
  throw new StillhouseError(
    'MODEL_LAYER',
    `${what.where} names the layer ${name}, but the ${what.part} has no such layer with weights; it has ${withWeights(
      model,
    )
      .map((each) => each.name)
      .join(', ')}`,
  );
};

const shapesOf = (layer: tf.layers.Layer): string =>
  layer.weights.map(({ shape }) => `[${shape.join(', ')}]`).join(', ');

/**
 * Freezes a layer: as in Keras it is then in inference mode, so batch normalisation uses the averages that it has, and
 * keeps them.
 */
function rest(layer: tf.layers.Layer): void {
  layer.trainable = false;
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => call(inputs, { ...kwargs, training: false });
}

/**
 * Puts the teacher's weights into the student's layers.
 * @throws StillhouseError MODEL_LAYER
 */
export function copyLayers(student: tf.LayersModel, teacher: tf.LayersModel | undefined, config: CopyConfig): void {
  if (!teacher)
    throw new StillhouseError(
      'MODEL_LAYER',
      'distill.copy copies layers, but the teacher is not a single layers model',
      { next: 'Use a teacher that is trained here, or a TFJS layers model.' },
    );
  const pairs =
    config === 'all'
      ? withWeights(student).map(({ name }) => ({ teacher: name, student: name, freeze: false }))
      : config;
  pairs.forEach((pair, i) => {
    const where = config === 'all' ? 'distill.copy' : `distill.copy[${i}]`;
    const [from, to] = [
      named(teacher, pair.teacher, { part: 'teacher', where }),
      named(student, pair.student ?? pair.teacher, { part: 'student', where }),
    ];
    if (shapesOf(from) !== shapesOf(to))
      throw new StillhouseError(
        'MODEL_LAYER',
        `${where}: the layer ${from.name} of the teacher has weights of the shapes ${shapesOf(from)}, but ` +
          `${to.name} of the student has ${shapesOf(to)}`,
      );
    // A copy: the teacher's own tensors are disposed of with it.
    const values = tf.tidy(() => from.weights.map((weight) => tf.clone(weight.read())));
    to.weights.forEach((weight, k) => weight.write(values[k]));
    tf.dispose(values);
    if (pair.freeze) rest(to);
  });
  if (student.trainableWeights.length === 0)
    throw new StillhouseError(
      'MODEL_LAYER',
      'distill.copy freezes every layer of the student that has weights: there is nothing left to train',
    );
}
