// A term of the recipe, opened for a phase: the layers that it compares, and the one that is trained with the student.
import { tf } from '@stillhouse/native/tfjs';
import { hashWords, StillhouseError } from '@stillhouse/core';
import { optionsOf, termOf, type Loss, type Term, type TermConfig } from '@stillhouse/core/training';
import { withSeededRandom } from '../backend/seeded-random.js';
import { layerOf, type NamedLayer } from '../model/layers.js';
import type { Teacher } from './teacher/teacher.js';

export interface Pupil {
  readonly loss: Loss;
  readonly student: tf.LayersModel;
  readonly teacher: Teacher;
  /** Epochs of the phase. */
  readonly epochs: number;
  /** Seed of the initial weights that terms add. */
  readonly seed: number;
}

interface Layers {
  readonly student: NamedLayer;
  readonly teacher: NamedLayer;
}

export interface OpenTerm {
  readonly config: TermConfig;
  readonly term: Term<unknown>;
  /** The layers that it compares, if it compares layers. */
  readonly layers: Layers | undefined;
  /** A layer that is trained along with the student, and dropped after training. */
  readonly learned: tf.layers.Layer | undefined;
}

/** @throws StillhouseError MODEL_LAYER */
export function openTerm(config: TermConfig, index: number, { student, teacher, seed }: Pupil): OpenTerm {
  const term = termOf(config);
  if (!term.comparesLayers) return { config, term, layers: undefined, learned: undefined };
  const where = `distill.terms[${index}]`;
  const layers = {
    student: layerOf(student, {
      name: 'student' in config ? config.student : undefined,
      part: 'student',
      where: `${where}.student`,
    }),
    teacher: teacher.layer('teacher' in config ? config.teacher : undefined, `${where}.teacher`),
  };
  refuseUnfit(term, layers, where);
  const shapes = { student: layers.student.shape, teacher: layers.teacher.shape };
  const learned =
    term.learns &&
    withSeededRandom(
      [hashWords(seed, index)],
      () => term.learns!({ tf, shapes, options: optionsOf(config) }) as tf.layers.Layer,
    );
  return { config, term, layers, learned };
}

function refuseUnfit({ needs }: Term<unknown>, { student, teacher }: Layers, where: string): void {
  if (!needs || needs.fits({ student: student.shape, teacher: teacher.shape })) return;
  throw new StillhouseError(
    'MODEL_LAYER',
    `${where} compares ${needs.text}, but the student's ${student.name} has shape [${student.shape.join(', ')}] ` +
      `and the teacher's ${teacher.name} [${teacher.shape.join(', ')}]`,
  );
}
