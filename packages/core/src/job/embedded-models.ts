// The models of a recipe that begin with an embedding, and whether a row's inputs are indices that it has.
import { embeddingOf } from '../recipe/model.js';
import { isTrained, type Recipe } from '../recipe/schema.js';

export interface EmbeddedModel {
  readonly part: 'teacher' | 'student';
  /** The path of the embedding, or its name, for messages. */
  readonly where: string;
  /** Inputs are whole numbers from 0 to inputDim − 1. */
  readonly inputDim: number;
}

export function embeddedModels({ teacher, student }: Recipe): EmbeddedModel[] {
  const models = [
    ...(isTrained(teacher) ? [{ part: 'teacher' as const, model: teacher.model }] : []),
    ...(student ? [{ part: 'student' as const, model: student.model }] : []),
  ];
  return models.flatMap(({ part, model }) => {
    const embedding = embeddingOf(model);
    if (!embedding) return [];
    return { part, where: `${part}.model.layers[${embedding.layer}].embedding`, inputDim: embedding.inputDim };
  });
}
