// Prepares features of layers for the terms that compare layers.
import type { Tensor, Tensor2D, TensorOps } from '../loss/tensor-ops.js';
import type { LayerShapes, Response } from './define-term.js';

export interface Features {
  readonly student: Tensor;
  readonly teacher: Tensor;
}

export function featuresOf({ student, teacher }: { student: Response; teacher: Response }): Features {
  return { student: student.feature!, teacher: teacher.feature! };
}

/** [rows, size]. */
export const flatten = (tf: TensorOps, feature: Tensor): Tensor2D =>
  tf.reshape(feature, [feature.shape[0]!, -1]) as Tensor2D;

const isMap = (shape: readonly number[]): boolean => shape.length === 3;

/**
 * Maps [rows, height, width, channels] of unlike sizes: the larger one is averaged over patches of the smaller one's
 * size.
 */
export function alike(tf: TensorOps, { student, teacher }: Features): Features {
  const shrink = (map: Tensor, [, height, width]: readonly number[]): Tensor => {
    const [factorY, factorX] = [map.shape[1]! / height!, map.shape[2]! / width!];
    return factorY > 1 || factorX > 1 ? tf.avgPool(map, [factorY, factorX], [factorY, factorX], 'valid') : map;
  };
  return { student: shrink(student, teacher.shape), teacher: shrink(teacher, student.shape) };
}

/** Whether one map's size equals or divides the other's, in the same direction for both sides. */
export function areComparable({ student, teacher }: LayerShapes): boolean {
  if (!isMap(student) || !isMap(teacher)) return false;
  const divides = (small: readonly number[], large: readonly number[]): boolean =>
    large[0]! % small[0]! === 0 && large[1]! % small[1]! === 0;
  return divides(student, teacher) || divides(teacher, student);
}
