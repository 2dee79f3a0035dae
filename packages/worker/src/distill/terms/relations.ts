// Terms that compare how the rows of a batch relate to each other in a layer of the teacher and in one of the student.
// Relations have no dimension, so the layers may have any widths.
import * as tf from '@tensorflow/tfjs';
import { huberOf } from '@stillhouse/core';
import type { DistillationObjective } from './distillation-objective.js';
import { featuresOf } from './features.js';

/** [rows, size]. */
const flat = (feature: tf.Tensor): tf.Tensor2D => tf.reshape(feature, [feature.shape[0], -1]);

/** Counts as nothing; keeps gradients of roots finite. */
const tiny = 1e-12;
/** Rows whose squared distance is so small a part of the mean one have no direction: it would be rounding alone. */
const near = 1e-6;

const squaredLengths = (values: tf.Tensor): tf.Tensor => tf.sum(tf.square(values), -1, true);

/** Length along the last axis, kept as an axis of size 1. */
const lengths = (values: tf.Tensor, least = tiny): tf.Tensor => tf.sqrt(tf.maximum(squaredLengths(values), least));

/** f_i − f_j for every pair, [rows, rows, size]. */
function differences(features: tf.Tensor2D): tf.Tensor3D {
  const [rows, size] = features.shape;
  return tf.sub(tf.reshape(features, [1, rows, size]), tf.reshape(features, [rows, 1, size]));
}

/** ‖f_i − f_j‖, 0 on the diagonal: [rows, rows]. */
function distances(pairs: tf.Tensor3D): tf.Tensor2D {
  const [rows] = pairs.shape;
  return tf.mul(tf.reshape(lengths(pairs), [rows, rows]), tf.sub(1, tf.eye(rows)));
}

/** Distances by their mean over pairs of unlike rows. */
function relativeDistances(pairs: tf.Tensor3D): tf.Tensor2D {
  const [rows] = pairs.shape;
  const all = distances(pairs);
  return tf.div(all, tf.maximum(tf.div(tf.sum(all), Math.max(1, rows * (rows - 1))), tiny));
}

/** cos of the angle at j between i and k, [rows, rows, rows]. */
function angles(pairs: tf.Tensor3D): tf.Tensor3D {
  const scaled = tf.div(pairs, tf.sqrt(tf.add(tf.mean(squaredLengths(pairs)), tiny)));
  const directions = tf.div<tf.Tensor3D>(scaled, lengths(scaled, near));
  return tf.matMul(directions, directions, false, true);
}

/**
 * Relational KD (Park et al. 2019, equations 4 to 8): Huber's loss between the distances of rows, by their mean over the
 * batch, and between the cosines of the angles of triples, each the mean over all pairs or triples. Triples cost O(rows³).
 */
export const relational = (weights: { distance: number; angle: number }): DistillationObjective => ({
  loss(signal) {
    const { student, teacher } = featuresOf(signal);
    const [s, t] = [differences(flat(student)), differences(flat(teacher))];
    const distance =
      weights.distance > 0
        ? tf.mul(weights.distance, tf.mean(huberOf(tf, tf.sub(relativeDistances(s), relativeDistances(t)))))
        : tf.scalar(0);
    if (weights.angle === 0) return distance as tf.Scalar;
    return tf.add<tf.Scalar>(distance, tf.mul(weights.angle, tf.mean(huberOf(tf, tf.sub(angles(s), angles(t))))));
  },
});

/** (cos(f_i, f_j) + 1)/2, each row by its sum: [rows, rows]. */
function affinities(feature: tf.Tensor): tf.Tensor2D {
  const features = flat(feature);
  const directions = tf.div<tf.Tensor2D>(features, lengths(features));
  const cosines = tf.div(tf.add(tf.matMul(directions, directions, false, true), 1), 2);
  return tf.div(cosines, tf.sum(cosines, 1, true));
}

const logSafe = 1e-7;

/** Probabilistic knowledge transfer (Passalis and Tefas 2018, equations 3 to 6): the mean over pairs of K_t·log(K_t/K_s), K the cosine affinities. */
export const probabilisticTransfer: DistillationObjective = {
  loss(signal) {
    const { student, teacher } = featuresOf(signal);
    const [s, t] = [affinities(student), affinities(teacher)];
    return tf.mean(tf.mul(t, tf.log(tf.div(tf.add(t, logSafe), tf.add(s, logSafe)))));
  },
};

/** G = F·Fᵀ with rows of length 1: [rows, rows]. */
function similarities(feature: tf.Tensor): tf.Tensor {
  const features = flat(feature);
  const products = tf.matMul(features, features, false, true);
  return tf.div(products, lengths(products));
}

/** Similarity-preserving KD (Tung and Mori 2019, equations 1 to 4): ‖G_t − G_s‖²_F / rows². */
export const similarityPreserving: DistillationObjective = {
  loss(signal) {
    const { student, teacher } = featuresOf(signal);
    return tf.mean(tf.square(tf.sub(similarities(teacher), similarities(student))));
  },
};
