// FitNets: the student's layer, through a learned map, must reproduce the outputs of the teacher's layer.
import { z } from 'zod';
import type { Tensor } from '../loss/tensor-ops.js';
import { defineTerm, layerPair, termCommon } from './define-term.js';
import { alike, areComparable, featuresOf, flatten } from './features.js';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/**
 * Romero et al. 2015, equation 3, without its half: the mean of (r(F_s) − F_t)², r learned: a 1×1 convolution between
 * maps of comparable sizes, or else a dense layer between the flattened features.
 */
export const hint = defineTerm({
  name: 'hint',
  usesTemperature: () => false,
  comparesLayers: true,
  schema: z
    .strictObject({
      name: z.literal('hint'),
      ...termCommon,
      ...layerPair,
      firstEpochs: z
        .int()
        .min(0)
        .max(1e6)
        .default(0)
        .describe(
          'Epochs at the start in which the student learns only hints; afterwards they are left out. 0: hints ' +
            'are learned along with the rest.',
        ),
    })
    .describe('FitNets: the squared difference of a layer’s outputs, after a learned linear map of the student’s.'),
  refusal: ({ firstEpochs }, { epochs }) =>
    firstEpochs >= epochs
      ? `.firstEpochs is ${firstEpochs}, but student.epochs is ${epochs}: the student would learn only the hint`
      : undefined,
  firstEpochs: ({ firstEpochs }) => firstEpochs,
  learns({ tf, shapes }) {
    const asMaps = areComparable(shapes);
    const layer = asMaps
      ? tf.layers.conv2d({ name: 'regressor', filters: shapes.teacher[2]!, kernelSize: 1 })
      : tf.layers.dense({ name: 'regressor', units: sizeOf(shapes.teacher) });
    // The weights are created with the first input.
    layer.build(asMaps ? [null, null, null, shapes.student[2]!] : [null, sizeOf(shapes.student)]);
    return layer;
  },
  loss(batch) {
    const { tf, shapes, learned } = batch;
    const features = featuresOf(batch);
    const { student, teacher } = areComparable(shapes!)
      ? alike(tf, features)
      : { student: flatten(tf, features.student), teacher: flatten(tf, features.teacher) };
    return tf.mean(flatten(tf, tf.square(tf.sub(learned!.apply(student) as Tensor, teacher))), 1);
  },
});
