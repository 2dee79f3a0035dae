// From the recipe's terms to objectives.
import type * as tf from '@tensorflow/tfjs';
import { hashWords, StillhouseError, type Loss, type TermConfig } from '@stillhouse/core';
import type { DistillationObjective } from './distillation-objective.js';
import { areComparable, attention, hint } from './features.js';
import { layerOf, type NamedLayer } from '../../model/layers.js';
import {
  boundedRegression,
  decoupledDistillation,
  knowledgeDistillation,
  logitRegression,
  standardizedDistillation,
} from './outputs.js';
import { probabilisticTransfer, relational, similarityPreserving } from './relations.js';
import type { Teacher } from '../teacher/teacher.js';

export interface Pupil {
  readonly loss: Loss;
  readonly student: tf.LayersModel;
  readonly teacher: Teacher;
  /** Epochs of the phase. */
  readonly epochs: number;
  /** Of start weights that terms add. */
  readonly seed: number;
}

interface Layers {
  readonly student: NamedLayer;
  readonly teacher: NamedLayer;
}

export interface Term {
  readonly config: TermConfig;
  readonly objective: DistillationObjective;
  /** What it compares, if it compares layers. */
  readonly layers?: Layers;
}

/** @throws StillhouseError MODEL_LAYER */
export function termOf(config: TermConfig, index: number, { loss, student, teacher, seed }: Pupil): Term {
  const where = `distill.terms[${index}]`;
  const between = (
    names: { student?: string | undefined; teacher?: string | undefined },
    objective: (layers: Layers) => DistillationObjective,
  ): Term => {
    const layers = {
      student: layerOf(student, { name: names.student, part: 'student', where: `${where}.student` }),
      teacher: teacher.layer(names.teacher, `${where}.teacher`),
    };
    return { config, objective: objective(layers), layers };
  };
  switch (config.name) {
    case 'kd':
      return { config, objective: config.standardize ? standardizedDistillation : knowledgeDistillation(loss) };
    case 'logits':
      return { config, objective: logitRegression };
    case 'dkd':
      return { config, objective: decoupledDistillation(config.target, config.rest) };
    case 'bounded':
      return { config, objective: boundedRegression(config.margin) };
    case 'hint':
      return between(config, (layers) =>
        hint({ student: layers.student.shape, teacher: layers.teacher.shape }, hashWords(seed, index)),
      );
    case 'attention':
      return between(config, (layers) => attentionBetween(layers, where));
    case 'rkd':
      return between(config, () => relational(config));
    case 'pkt':
      return between(config, () => probabilisticTransfer);
    case 'similarity':
      return between(config, () => similarityPreserving);
  }
}

function attentionBetween({ student, teacher }: Layers, where: string): DistillationObjective {
  if (areComparable(student.shape, teacher.shape)) return attention;
  throw new StillhouseError(
    'MODEL_LAYER',
    `${where} compares maps of [height, width, channels], of which one size divides the other, but ${student.name} of the student gives [${student.shape.join(', ')}] and ${teacher.name} of the teacher [${teacher.shape.join(', ')}]`,
  );
}
