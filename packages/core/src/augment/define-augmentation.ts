// What an augmentation is: its part of the recipe, and what it draws for a row. There are three ways to change rows:
// images are placed, numbers are changed, and rows are blended; worker/augment puts them together.
import type { z } from 'zod';
import type { RandomStream } from '../random/random.js';

/** What an image shows: of its drawing augmentations all together, so that it is sampled once. */
export interface Placement {
  /** −1 where the image is mirrored. */
  readonly mirrorX: 1 | -1;
  readonly mirrorY: 1 | -1;
  /** By which it is turned, in radians. */
  readonly angle: number;
  /** Share of the sides that is stretched to the whole. */
  readonly size: number;
  /** From the centre to that of what is shown, in pixels. */
  readonly offsetX: number;
  readonly offsetY: number;
}

/** A row that is to be changed. */
export interface AugmentedRow {
  /** Its inputs as the model gets them, changed in place. */
  readonly row: Float32Array;
  /** Of the inputs; [height, width, channels] for images. */
  readonly shape: readonly number[];
  /** Value of black in each channel, or in all of them; empty where rows are not images. */
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
 * @param definition.schema of its value in the recipe, of a built-in one
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
export function defineAugmentation(definition: { readonly name: string }): object {
  if (typeof definition.name !== 'string' || definition.name === '')
    throw new TypeError('an augmentation needs a name');
  const { place, row, weight } = definition as Readonly<Record<string, unknown>>;
  if (![place, row, weight].some((method) => typeof method === 'function'))
    throw new TypeError('row is not a function');
  return definition;
}
