// Augmentation is a function of (seed, epoch, row), whatever batch the row is in, and does what its name says.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openModules, parseRecipe } from '@stillhouse/core';
import type { AugmentConfig } from '@stillhouse/core/training';
import type { Batch } from '@stillhouse/datasets';
import { augment } from './augment.js';

const none: AugmentConfig = { flip: 'none', shift: 0, rotate: 0, crop: 0, cutout: 0 };
const shape = { height: 5, width: 7, channels: 2 };
const form = { shape: [shape.height, shape.width, shape.channels], black: [0, -1] };
const size = shape.height * shape.width * shape.channels;
const where = { seed: 3, epoch: 1, step: 9, rank: 2 };

function batchOf(rows: readonly number[]): Batch {
  return {
    rows: rows.length,
    x: Float32Array.from(
      { length: rows.length * size },
      (_, i) => 1 + (((rows[Math.floor(i / size)] + 1) * (i % size) * 31) % 97),
    ),
    y: Float32Array.from(rows, (row) => row % 3),
  };
}

const augmented = (rows: readonly number[], change: Partial<AugmentConfig>, at = where) =>
  augment(batchOf(rows), rows, { ...none, ...change }, { where: at, form });
const pixel = (image: Float32Array, x: number, y: number, channel: number): number =>
  image[(y * shape.width + x) * shape.channels + channel];

const everything: Partial<AugmentConfig> = { flip: 'both', shift: 2, rotate: 30, crop: 0.3, cutout: 3 };

test('a row comes out the same in every batch, and differently in every epoch', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1000), { minLength: 2, maxLength: 8 }), (rows) => {
      const together = augmented(rows, everything).x;
      rows.forEach((row, i) =>
        expect(augmented([row], everything, { ...where, step: i, rank: 0 }).x).toEqual(
          together.subarray(i * size, (i + 1) * size),
        ),
      );
    }),
    { numRuns: 20 },
  );
  expect(augmented([5], everything).x).not.toEqual(augmented([5], everything, { ...where, epoch: 2 }).x);
});

describe('each change', () => {
  const rows = Array.from({ length: 40 }, (_, i) => i);
  const plain = batchOf(rows).x;
  const imagesOf = (x: Float32Array): Float32Array[] => rows.map((_, i) => x.subarray(i * size, (i + 1) * size));

  test('nothing asked for is nothing done', () => expect(augmented(rows, {}).x).toEqual(plain));

  test('a flip mirrors about half of the images, to the bit', () => {
    const isMirrored = imagesOf(augmented(rows, { flip: 'horizontal' }).x).map((image, i) => {
      const before = imagesOf(plain)[i];
      const mirrored = Float32Array.from(before, (_, k) =>
        pixel(before, shape.width - 1 - (Math.floor(k / 2) % shape.width), Math.floor(k / 2 / shape.width), k % 2),
      );
      expect([before, mirrored]).toContainEqual(image);
      return String(image) !== String(before);
    });
    expect(isMirrored.filter(Boolean).length).toBeGreaterThan(10);
    expect(isMirrored.filter(Boolean).length).toBeLessThan(30);
  });

  test('a shift moves whole pixels and lets black in, by the channel', () => {
    const images = imagesOf(augmented(rows, { shift: 2 }).x);
    const moves = images.map((image, i) => {
      for (let dx = -2; dx <= 2; dx++) {
        for (let dy = -2; dy <= 2; dy++) {
          const isIt = Array.from(image).every((value, k) => {
            const [x, y] = [(Math.floor(k / 2) % shape.width) - dx, Math.floor(k / 2 / shape.width) - dy];
            const inside = x >= 0 && y >= 0 && x < shape.width && y < shape.height;
            return value === (inside ? pixel(imagesOf(plain)[i], x, y, k % 2) : [0, -1][k % 2]);
          });
          if (isIt) return `${dx} ${dy}`;
        }
      }
      return undefined;
    });
    expect(moves).not.toContain(undefined);
    expect(new Set(moves).size).toBeGreaterThan(12);
  });

  test('a rotation leaves the middle where it is; a crop lets no black in', () => {
    imagesOf(augmented(rows, { rotate: 180 }).x).forEach((image, i) => {
      expect(pixel(image, 3, 2, 0)).toBeCloseTo(pixel(imagesOf(plain)[i], 3, 2, 0), 4);
      // Row 0 holds the same number in most places.
      if (i > 0) expect(image).not.toEqual(imagesOf(plain)[i]);
    });
    for (const each of imagesOf(augmented(rows, { crop: 0.5 }).x)) {
      expect(Math.max(...each)).toBeLessThanOrEqual(97 + 1);
      expect(Math.min(...each)).toBeGreaterThanOrEqual(0.999);
    }
  });

  test('a cutout blackens one square', () => {
    imagesOf(augmented(rows, { cutout: 2 }).x).forEach((image, i) => {
      const changed = Array.from(image.keys()).filter((k) => image[k] !== imagesOf(plain)[i][k]);
      expect(changed.length).toBeGreaterThan(0);
      expect(changed.length).toBeLessThanOrEqual(2 * 2 * 2);
      for (const k of changed) expect(image[k]).toBe([0, -1][k % 2]);
    });
  });

  test('mixup blends each row with its successor, by a weight that belongs to the step and rank', () => {
    const { x, blend } = augmented([1, 2, 3], { mixup: 0.4 });
    const before = batchOf([1, 2, 3]);
    expect([...blend!.y]).toEqual([2, 0, 1]);
    for (let i = 0; i < 3; i++) {
      const weight = blend!.weights[i];
      expect(weight).toBeGreaterThanOrEqual(0);
      expect(weight).toBeLessThanOrEqual(1);
      expect(x[i * size + 4]).toBeCloseTo(
        weight * before.x[i * size + 4] + (1 - weight) * before.x[((i + 1) % 3) * size + 4],
        4,
      );
    }
    expect(augmented([1, 2, 3], { mixup: 0.4 }, { ...where, rank: 3 }).blend!.weights).not.toEqual(blend!.weights);
  });
});

test('the bits are those of the versions before', () => {
  const rows = [3, 1, 4, 15, 9];
  const batch = {
    rows: 5,
    x: Float32Array.from({ length: 5 * size }, (_, i) => ((i * 31) % 97) / 7),
    y: Float32Array.from(rows),
  };
  const hash = createHash('sha256');
  for (const change of [
    { flip: 'both', shift: 2, rotate: 30, crop: 0.3, cutout: 3, mixup: 0.4 },
    { flip: 'vertical', variants: 2 },
    { shift: 1, crop: 0.2, mixup: 1 },
    { flip: 'horizontal', rotate: 75.5, cutout: 2 },
  ] as const) {
    const { x, blend } = augment(batch, rows, { ...none, ...change }, { where: { ...where, epoch: 5 }, form });
    hash
      .update(x)
      .update(blend?.y ?? '')
      .update(blend?.weights ?? '');
  }
  expect(hash.digest('hex')).toBe('98044e7527bfa7d8c0eccce3120a3e36940975d74dceb2d43944d4640ea0edce');
});

describe('augmentations of modules', () => {
  const fromText = async (source: string): Promise<AugmentConfig['modules']> => {
    const modules = [1, 10].map((scale) => ({ module: 'x.mjs', export: 'default', options: { scale }, source }));
    const recipe = parseRecipe({
      data: {
        large: { generator: 'friedman1', rows: 9 },
        small: { generator: 'friedman1', rows: 9 },
        split: { test: 0.5 },
      },
      loss: 'mse',
      teacher: { model: { layers: [{ dense: 1 }] } },
      student: { model: { layers: [{ dense: 1 }] }, augment: { modules } },
    });
    await openModules(recipe);
    return recipe.student!.augment!.modules;
  };
  const noise = `export default ({ options: { scale } }) => ({
    name: 'noise',
    row({ row, shape, next }) {
      if (shape.length !== 1) throw new Error('not a table');
      for (let k = 0; k < row.length; k++) row[k] += scale * next();
    },
  })`;
  const table = { shape: [size], black: [] };

  test('change rows of any kind one after the other, by draws of their own that belong to the row', async () => {
    const modules = await fromText(noise);
    const changed = (rows: readonly number[], of: typeof modules): number[] => [
      ...augment(batchOf(rows), rows, { ...none, modules: of }, { where, form: table }).x,
    ];
    const [first, both] = [changed([7], modules!.slice(0, 1)), changed([7], modules)];
    const plain = [...batchOf([7]).x];
    const [small, large] = [first.map((value, k) => value - plain[k]), both.map((value, k) => (value - first[k]) / 10)];
    for (const draws of [small, large]) {
      expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...draws)).toBeLessThanOrEqual(1);
      expect(new Set(draws.map((value) => value.toFixed(3))).size).toBeGreaterThan(10);
    }
    expect(large[0]).not.toBeCloseTo(small[0], 3);
    expect(changed([1, 7], modules).slice(size)).toEqual(both);
  });

  test('come after the built-in ones and leave their draws as they are', async () => {
    const modules = await fromText(
      `export default () => ({ name: 'half', row({ row }) { row.forEach((v, k) => (row[k] = v / 2)); } })`,
    );
    const before = augmented([5, 6], everything).x;
    expect(augmented([5, 6], { ...everything, modules: modules!.slice(1) }).x).toEqual(
      before.map((value) => value / 2),
    );
  });
});
