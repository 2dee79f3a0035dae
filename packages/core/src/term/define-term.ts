// What a distillation term is: its part of the recipe, the tasks it is for, and its loss between student and teacher.
// docs/distillation.md has every formula; the worker combines terms (worker/distill/distillation.ts).
import { z } from 'zod';
import { wholeOf } from '../extension/whole.js';
import type { Loss, LossFacts } from '../loss/define-loss.js';
import type { Layer, Tensor, Tensor2D, TensorOps } from '../loss/tensor-ops.js';

/** One model's outputs for a batch. */
export interface Response {
  /** [rows, outputs]; logits for classes. */
  readonly outputs: Tensor2D;
  /** The outputs of the layer that the term names, [rows, …]; only for terms that compare layers. */
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
  /** Only for terms that compare layers. */
  readonly shapes: LayerShapes | undefined;
  /** The layer that `learns` returned. */
  readonly learned: Layer | undefined;
}

/** The task that a term's options must fit. */
export interface TermTask {
  readonly loss: LossFacts;
  /** Rows of a batch, including transfer sets. */
  readonly rows: number;
  readonly epochs: number;
}

/** A term as it is defined. */
export interface TermDefinition<Options> {
  readonly name: string;
  /** Compares outputs of layers instead of the models' outputs. */
  readonly comparesLayers?: boolean;
  /** The condition on its layers, if not any two layers will do: in words, and as a test. */
  readonly needs?: { readonly text: string; readonly fits: (shapes: LayerShapes) => boolean };
  /** Why it does not fit the task, as the rest of a sentence after `distill.terms[0]`; undefined if it fits. */
  refusal?(options: Options, task: TermTask): string | undefined;
  /** Whether T changes its gradient beyond a factor; by default it may. */
  usesTemperature?(options: Options, loss: LossFacts): boolean;
  /**
   * Epochs at the start in which only this term is learned, and after which it is left out; 0: it is learned along
   * with the rest.
   */
  firstEpochs?(options: Options): number;
  /**
   * A built layer that is trained along with the student, and dropped after training; its initial weights follow from
   * the seed.
   */
  learns?(of: { tf: TensorOps; shapes: LayerShapes; options: Options }): Layer;
  /** The loss of each row, [rows]; or of the batch as a whole, for terms that relate rows to each other. */
  loss(batch: TermBatch<Options>): Tensor;
}

export type Term<Options> = TermDefinition<Options> & { readonly comparesLayers: boolean };

/**
 * Checks a term.
 * @param definition.schema schema of its part of the recipe; only for built-in terms
 * @throws TypeError that names what is missing or wrong
 */
export function defineTerm<Schema extends z.ZodObject>(
  definition: TermDefinition<z.output<Schema>> & { readonly schema: Schema },
): Term<z.output<Schema>> & { readonly schema: Schema };
export function defineTerm<Options = Record<string, unknown>>(definition: TermDefinition<Options>): Term<Options>;
export function defineTerm<Options>(given: TermDefinition<Options>): Term<Options> {
  const definition = wholeOf(given);
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
