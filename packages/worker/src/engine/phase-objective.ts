// What a phase minimises: for the teacher and the baseline the loss against labels, for the student also its teacher's
// terms.
import type * as tf from '@tensorflow/tfjs';
import { hashName, hashWords, invariant, isTrained, phaseSeed, type Job, type Phase } from '@stillhouse/core';
import { lossOf } from '@stillhouse/core/training';
import { distillation } from '../distill/distillation.js';
import type { Teacher } from '../distill/teacher/teacher.js';
import type { Objective } from '../objective/objective.js';
import { supervised } from '../objective/supervised.js';

/** @throws StillhouseError MODEL_LAYER */
export function objectiveOf(
  job: Job,
  { name, distill, schedule: { epochs } }: Phase,
  { model, teacher }: { model: tf.LayersModel; teacher: Teacher | undefined },
): Objective {
  const { recipe } = job;
  const loss = lossOf(recipe.loss);
  if (name !== 'student' || distill!.terms.length === 0)
    return supervised(loss, model, name === 'teacher' && isTrained(recipe.teacher) ? recipe.teacher.temperature : 1);
  invariant(teacher, 'the student phase has a teacher');
  const seed = hashWords(phaseSeed(recipe, name), hashName('regressors'));
  return distillation(distill!, { loss, student: model, teacher, epochs, seed });
}
