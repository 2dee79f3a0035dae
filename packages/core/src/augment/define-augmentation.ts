// What an augmentation is: its part of the recipe, and what it draws for a row. There are three ways to change rows:
// images are placed, numbers are changed, and rows are blended; worker/augment puts them together.
import { wholeOf } from '../extension/whole.js';
import type { z } from 'zod';
import type { RandomStream } from '../random/random.js';

/** How an image is placed by all augmentations that draw a placement, together, so that it is sampled once. */
export interface Placement {
  /** −1 if the image is mirrored horizontally. */
  readonly mirrorX: 1 | -1;
  /** −1 if the image is mirrored vertically. */
  readonly mirrorY: 1 | -1;
  /** Rotation in radians. */
  readonly angle: number;
  /** Share of each side that is shown, stretched to the full side. */
  readonly size: number;
  /** Horizontal distance in pixels from the centre of the image to the centre of the part that is shown. */
  readonly offsetX: number;
  /** The same distance vertically. */
  readonly offsetY: number;
}

/** A row that is to be changed. */
export interface AugmentedRow {
  /** Its inputs as the model gets them, changed in place. */
  readonly row: Float32Array;
  /** Shape of the inputs: [height, width, channels] for images. */
  readonly shape: readonly number[];
  /** Value of black per channel, or one value for all channels; empty if rows are not images. */
  readonly black: readonly number[];
  /** Uniform numbers in [0, 1) that belong to the row: the same for any cluster, batch and resume. */
  readonly next: RandomStream;
}

/** Draws how an image is placed; what it leaves out stays as it is, and offsets add up. */
export interface PlacingAugmentation<Value> {
  readonly name: string;
  place(of: { value: Value; height: number; width: number; next: RandomStream }): Partial<Placement>;
}

/** Changes the numbers of a row. */
export interface RowAugmentation<Value = void> {
  readonly name: string;
  /** Refuses rows that are not images. */
  readonly isForImages?: boolean;
  row(of: AugmentedRow, value: Value): void;
}

/** Draws the weight of a row that is blended with another one. */
export interface BlendingAugmentation<Value> {
  readonly name: string;
  weight(of: { value: Value; next: RandomStream }): number;
}

/**
 * Checks an augmentation.
 * @param definition.schema of its value in the recipe, if it is built in
 * @throws TypeError that names what is missing or wrong
 */
export function defineAugmentation<Schema extends z.ZodType>(
  definition: PlacingAugmentation<z.output<Schema>> & { readonly schema: Schema },
): PlacingAugmentation<z.output<Schema>> & { readonly schema: Schema };
export function defineAugmentation<Schema extends z.ZodType>(
  definition: RowAugmentation<z.output<Schema>> & { readonly schema: Schema },
): RowAugmentation<z.output<Schema>> & { readonly schema: Schema };
export function defineAugmentation<Schema extends z.ZodType>(
  definition: BlendingAugmentation<z.output<Schema>> & { readonly schema: Schema },
): BlendingAugmentation<z.output<Schema>> & { readonly schema: Schema };
export function defineAugmentation(definition: RowAugmentation): RowAugmentation;
export function defineAugmentation(given: { readonly name: string }): object {
  const definition = wholeOf(given);
  if (typeof definition.name !== 'string' || definition.name === '')
    throw new TypeError('an augmentation needs a name');
  const { place, row, weight } = definition as Readonly<Record<string, unknown>>;
  if (![place, row, weight].some((method) => typeof method === 'function'))
    throw new TypeError('row is not a function');
  return definition;
}
