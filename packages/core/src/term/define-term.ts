// What a distillation term is: its part of the recipe, what it is for, and its loss of what student and teacher say.
// docs/distillation.md has every formula; the worker combines terms (worker/distill/distillation.ts).
import { z } from 'zod';
import type { Loss, LossFacts } from '../loss/define-loss.js';
import type { Layer, Tensor, Tensor2D, TensorOps } from '../loss/tensor-ops.js';

/** What one model makes of a batch. */
export interface Response {
  /** [rows, outputs]; logits for classes. */
  readonly outputs: Tensor2D;
  /** What the layer that the term names gives out, [rows, …]; only of terms that compare layers. */
  readonly feature: Tensor | undefined;
}

/** Shapes of one row's features. */
export interface LayerShapes {
  readonly student: readonly number[];
  readonly teacher: readonly number[];
}

export interface TermBatch<Options> {
  readonly tf: TensorOps;
  readonly loss: Loss;
  readonly options: Options;
  readonly student: Response;
  readonly teacher: Response;
  /** [labelled rows, labelCount]: labels of the first rows; the others have none. */
  readonly labels: Tensor2D;
  /** T. */
  readonly temperature: Tensor;
  /** Only of terms that compare layers. */
  readonly shapes: LayerShapes | undefined;
  /** What `learns` made. */
  readonly learned: Layer | undefined;
}

/** What a term's options must go with. */
export interface TermTask {
  readonly loss: LossFacts;
  /** Of a batch, transfer sets included. */
  readonly rows: number;
  readonly epochs: number;
}

/** A term as it is written. */
export interface TermDefinition<Options> {
  readonly name: string;
  /** Compares what layers give out, rather than outputs. */
  readonly comparesLayers?: boolean;
  /** What its layers must be, where not any two will do: for people, and as a test. */
  readonly needs?: { readonly text: string; readonly fits: (shapes: LayerShapes) => boolean };
  /** Why it does not go with the task, as what follows `distill.terms[0]` in a sentence; undefined where it does. */
  refusal?(options: Options, task: TermTask): string | undefined;
  /**
   * Epochs at the start in which it alone is learnt, and after which it is left out; 0: it is learnt along with the
   * rest.
   */
  firstEpochs?(options: Options): number;
  /**
   * A built layer that is trained along with the student, and ends with training; its start weights follow from the
   * seed.
   */
  learns?(of: { tf: TensorOps; shapes: LayerShapes; options: Options }): Layer;
  /** The loss of each row, [rows]; or of the batch as a whole, for terms that relate rows to each other. */
  loss(batch: TermBatch<Options>): Tensor;
}

export type Term<Options> = TermDefinition<Options> & { readonly comparesLayers: boolean };

/**
 * Checks a term.
 * @param definition.schema of its part of the recipe, of a built-in one
 * @throws TypeError that names what is missing or wrong
 */
export function defineTerm<Schema extends z.ZodObject>(
  definition: TermDefinition<z.output<Schema>> & { readonly schema: Schema },
): Term<z.output<Schema>> & { readonly schema: Schema };
export function defineTerm<Options = Record<string, unknown>>(definition: TermDefinition<Options>): Term<Options>;
export function defineTerm<Options>(definition: TermDefinition<Options>): Term<Options> {
  if (typeof definition.name !== 'string' || definition.name === '') throw new TypeError('a term needs a name');
  if (typeof definition.loss !== 'function') throw new TypeError('loss is not a function');
  if (definition.learns && !definition.comparesLayers) throw new TypeError('learns is for terms with comparesLayers');
  return { comparesLayers: false, ...definition };
}

/** Keys that every term has. */
export const termCommon = {
  weight: z.number().min(0).default(1).describe('Its weight in the soft term.'),
  warmupEpochs: z
    .int()
    .min(0)
    .max(1e6)
    .default(0)
    .describe('Epochs over which the weight rises linearly to its full value.'),
};

/** Keys of terms that compare layers. */
export const layerPair = {
  teacher: z.string().min(1).optional().describe('Name of a layer of the teacher; by default the one before the last.'),
  student: z.string().min(1).optional().describe('Name of a layer of the student; by default the one before the last.'),
};
