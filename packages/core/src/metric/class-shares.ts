// Biases with which a classifier's mean probabilities become given class shares.
import { invariant } from '../error/errors.js';

const rounds = 500;
const tolerance = 1e-7;

/** Mean of softmax(z + b) over rows. */
function meanSoftmax(logits: Float32Array, biases: Float64Array): Float64Array {
  const count = biases.length;
  const rows = logits.length / count;
  const mean = new Float64Array(count);
  const powers = new Float64Array(count);
  for (let row = 0; row < rows; row++) {
    let most = -Infinity;
    for (let k = 0; k < count; k++) {
      const z = logits[row * count + k]! + biases[k]!;
      powers[k] = z;
      most = Math.max(most, z);
    }
    let sum = 0;
    for (let k = 0; k < count; k++) sum += powers[k] = Math.exp(powers[k]! - most);
    for (let k = 0; k < count; k++) mean[k]! += powers[k]! / sum / rows;
  }
  return mean;
}

/**
 * What must be added to the logits of each class so that the mean of their softmax over rows is `shares`: generalized
 * iterative scaling (Darroch and Ratcliff 1972) with one feature per class, b_k ← b_k + log(share_k / mean_k), which
 * minimises the convex mean of log Σ exp(z + b) − Σ share·b.
 * @param logits [rows, classes]
 * @param shares [classes], above 0, with the sum 1
 * @returns [classes], with the mean 0
 */
export function fitBiases(logits: Float32Array, shares: ArrayLike<number>): Float64Array {
  invariant(logits.length > 0 && logits.length % shares.length === 0, 'logits are rows of that many classes');
  const biases = new Float64Array(shares.length);
  for (let round = 0; round < rounds; round++) {
    const changes = meanSoftmax(logits, biases).map((mean, k) => Math.log(shares[k]! / mean));
    changes.forEach((change, k) => (biases[k]! += change));
    if (changes.every((change) => Math.abs(change) < tolerance)) break;
  }
  const mean = biases.reduce((sum, value) => sum + value, 0) / biases.length;
  return biases.map((value) => value - mean);
}
