// The built-in augmentations, and their part of a recipe. To add one: its file, a line here, its row in docs/data.md.
import { z } from 'zod';
import { limits } from '../error/limits.js';
import { expected, type ResultChecks } from '../extension/guarded.js';
import { moduleFields } from '../extension/module-fields.js';
import { ModuleKind } from '../extension/module-kind.js';
import type { RandomStream } from '../random/random.js';
import { crop } from './crop.js';
import { cutout } from './cutout.js';
import { defineAugmentation, type AugmentedRow, type Placement, type RowAugmentation } from './define-augmentation.js';
import { flip } from './flip.js';
import { mixup } from './mixup.js';
import { rotate } from './rotate.js';
import { shift } from './shift.js';

export const augmentSchema = z.strictObject({
  flip: flip.schema,
  shift: shift.schema,
  rotate: rotate.schema,
  crop: crop.schema,
  cutout: cutout.schema,
  variants: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe(
      'Number of variants of each row, one per epoch in turn, instead of a new variant in every epoch. A ' +
        'student’s teacher then labels each variant only once.',
    ),
  mixup: mixup.schema,
  modules: z
    .array(z.strictObject(moduleFields))
    .max(limits.termCount)
    .optional()
    .describe('Augmentations that JavaScript modules define, applied one after the other once images are changed.'),
});
export type AugmentConfig = z.output<typeof augmentSchema>;

const withRow = (definition: RowAugmentation): RowAugmentation => {
  if (typeof definition.row !== 'function') throw new TypeError('row is not a function');
  return defineAugmentation(definition);
};
// A row that is returned and not changed would be lost; a number is the value of an arrow function's assignment.
const checks: ResultChecks = {
  row: (result, { row }: AugmentedRow) =>
    expected(
      typeof result !== 'object' || result === null || result === row,
      'nothing: it changes row in place',
      result,
    ),
};
export const augmentationModules = new ModuleKind<RowAugmentation>('augmentation', withRow, checks);

/** The augmentations of a recipe's modules, which are open (`openModules`). */
export const moduleAugmentations = ({ modules = [] }: AugmentConfig): RowAugmentation[] =>
  modules.map((config) => augmentationModules.of(config));

/** The first augmentation that is requested and is only for images. */
export function imageAugmentation(config: AugmentConfig): string | undefined {
  const known = { flip, shift, rotate, crop, cutout } as const;
  const isAsked = (name: keyof typeof known): boolean => config[name] !== 0 && config[name] !== 'none';
  const builtIn = (Object.keys(known) as (keyof typeof known)[]).find(isAsked);
  return builtIn ?? moduleAugmentations(config).find(({ isForImages }) => isForImages)?.name;
}

/**
 * Draws how an image is placed. The draws are the same whatever the recipe asks for, and the bits depend on their
 * order.
 */
export function drawPlacement(
  config: AugmentConfig,
  { height, width }: { height: number; width: number },
  next: RandomStream,
): Placement {
  const of = { height, width, next };
  const parts: Partial<Placement>[] = [
    flip.place({ ...of, value: config.flip }),
    rotate.place({ ...of, value: config.rotate }),
    crop.place({ ...of, value: config.crop }),
    shift.place({ ...of, value: config.shift }),
  ];
  const sum = (key: 'offsetX' | 'offsetY'): number => parts.reduce((total, part) => total + (part[key] ?? 0), 0);
  return Object.assign({ mirrorX: 1, mirrorY: 1, angle: 0, size: 1 } as const, ...parts, {
    offsetX: sum('offsetX'),
    offsetY: sum('offsetY'),
  }) as Placement;
}

/** Changes the numbers of an image once it is placed. */
export const changeImage = (config: AugmentConfig, image: AugmentedRow): void => cutout.row(image, config.cutout);

/** Draws the weight of a row in its blend with another one. */
export const blendWeight = ({ mixup: value }: AugmentConfig, next: RandomStream): number =>
  mixup.weight({ value, next });
