// Terms that compare what a layer of the teacher and one of the student give out, row by row.
import * as tf from '@tensorflow/tfjs';
import { withSeededRandom } from '../../backend/seeded-random.js';
import type { DistillationObjective, Signal } from './distillation-objective.js';

export interface Features {
  readonly student: tf.Tensor;
  readonly teacher: tf.Tensor;
}

export function featuresOf({ student, teacher }: Signal): Features {
  return { student: student.feature!, teacher: teacher.feature! };
}

const isMap = (shape: readonly number[]): boolean => shape.length === 3;

/** Maps [rows, height, width, channels] of unlike sizes: the larger one is averaged over patches of the smaller one's size. */
function alike({ student, teacher }: Features): Features {
  const shrink = (map: tf.Tensor, [, height, width]: readonly number[]): tf.Tensor => {
    const [factorY, factorX] = [map.shape[1]! / height, map.shape[2]! / width];
    return factorY > 1 || factorX > 1
      ? tf.avgPool(map as tf.Tensor4D, [factorY, factorX], [factorY, factorX], 'valid')
      : map;
  };
  return { student: shrink(student, teacher.shape), teacher: shrink(teacher, student.shape) };
}

/** Whether one size of a map is the other one, or divides it, in the same direction for both sides. */
export function areComparable(student: readonly number[], teacher: readonly number[]): boolean {
  if (!isMap(student) || !isMap(teacher)) return false;
  const divides = (small: readonly number[], large: readonly number[]): boolean =>
    large[0] % small[0] === 0 && large[1] % small[1] === 0;
  return divides(student, teacher) || divides(teacher, student);
}

/**
 * FitNets' hint (Romero et al. 2015, equation 3, without its half): the mean of (r(F_s) − F_t)², r learned: a 1×1
 * convolution between maps of comparable sizes, else a dense layer between the flattened features.
 * @param shapes of one row's features
 * @param seed of the regressor's start weights
 */
export function hint(
  shapes: { student: readonly number[]; teacher: readonly number[] },
  seed: number,
): DistillationObjective {
  const asMaps = areComparable(shapes.student, shapes.teacher);
  const size = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);
  const regressor = withSeededRandom([seed], () => {
    const layer = asMaps
      ? tf.layers.conv2d({ name: 'regressor', filters: shapes.teacher[2], kernelSize: 1 })
      : tf.layers.dense({ name: 'regressor', units: size(shapes.teacher) });
    // Weights come into being with a first input.
    layer.build(asMaps ? [null, null, null, shapes.student[2]] : [null, size(shapes.student)]);
    return layer;
  });
  const flat = (feature: tf.Tensor): tf.Tensor => tf.reshape(feature, [feature.shape[0], -1]);
  return {
    weights: regressor.trainableWeights,
    loss(signal) {
      const features = featuresOf(signal);
      const { student, teacher } = asMaps
        ? alike(features)
        : { student: flat(features.student), teacher: flat(features.teacher) };
      return tf.mean(flat(tf.square(tf.sub(regressor.apply(student) as tf.Tensor, teacher))), 1);
    },
  };
}

/** a(F) = vec(mean over channels of F²) at length 1: [rows, height·width]. */
function attentionOf(map: tf.Tensor): tf.Tensor2D {
  const energy = tf.reshape(tf.mean(tf.square(map), 3), [map.shape[0], -1]);
  return tf.div<tf.Tensor2D>(energy, tf.sqrt(tf.maximum(tf.sum(tf.square(energy), 1, true), 1e-24)));
}

/**
 * Attention transfer (Zagoruyko and Komodakis 2017) as in its authors' code: the mean over places of (a(F_s) − a(F_t))².
 * Their equation 2 has the Euclidean norm of the difference instead.
 */
export const attention: DistillationObjective = {
  loss(signal) {
    const { student, teacher } = alike(featuresOf(signal));
    return tf.mean(tf.square(tf.sub(attentionOf(student), attentionOf(teacher))), 1);
  },
};
