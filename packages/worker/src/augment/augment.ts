// Augmentation drawn per row from (seed, epoch, row id), so no cluster and no resume can change it. Mixtures of rows
// are drawn per micro-batch of a rank, whose rows are the same everywhere. core/augment draws each augmentation.
import { hashName, randomStream, type DatasetManifest } from '@stillhouse/core';
import {
  blendWeight,
  changeImage,
  drawPlacement,
  moduleAugmentations,
  type AugmentConfig,
  type Placement,
} from '@stillhouse/core/training';
import type { RowIds } from '@stillhouse/core/cluster';
import type { Batch } from '@stillhouse/datasets';

/** A batch, some of whose rows may be blended with another one. */
export interface AugmentedBatch extends Batch {
  /** Each row's second label, and the weight of the first. */
  readonly blend?: { readonly y: Float32Array; readonly weights: Float32Array };
}

/** The key of the draws: seed of the phase, epoch, step and rank. */
export interface AugmentPlace {
  readonly seed: number;
  readonly epoch: number;
  readonly step: number;
  readonly rank: number;
}

/** What a row's numbers are. */
export interface RowForm {
  /** [height, width, channels] of images. */
  readonly shape: readonly number[];
  /** Value of black after scaling, per channel, or one value for all channels; empty if rows are not images. */
  readonly black: readonly number[];
}

/** The form of a data set's rows. */
export const formOf = ({ inputShape, columns: [column] }: DatasetManifest): RowForm => ({
  shape: inputShape,
  black: inputShape.length === 3 && column.type === 'tensor' ? column.offsets : [],
});

/**
 * Samples the image by bilinear interpolation; points outside it are black. Each point of the result shows that of the
 * image at mirror · rotation · size · point + offset, in pixels from the centre.
 */
function place(
  image: Float32Array,
  out: Float32Array,
  { mirrorX, mirrorY, angle, size, offsetX, offsetY }: Placement,
  { shape: [height, width, channels], black }: RowForm,
): void {
  const [cos, sin] = [Math.cos(angle) * size, Math.sin(angle) * size];
  const [a, b, c, d] = [mirrorX * cos, -mirrorX * sin, mirrorY * sin, mirrorY * cos];
  const [midX, midY] = [(width - 1) / 2, (height - 1) / 2];
  const at = (x: number, y: number, channel: number): number =>
    x >= 0 && y >= 0 && x < width && y < height
      ? image[(y * width + x) * channels + channel]
      : black[channel % black.length];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sourceX = a * (x - midX) + b * (y - midY) + midX + offsetX;
      const sourceY = c * (x - midX) + d * (y - midY) + midY + offsetY;
      const [left, top] = [Math.floor(sourceX), Math.floor(sourceY)];
      const [u, v] = [sourceX - left, sourceY - top];
      for (let channel = 0; channel < channels; channel++) {
        let value = at(left, top, channel) * (1 - u) * (1 - v);
        // Points on the grid need no neighbours.
        if (u > 0) value += at(left + 1, top, channel) * u * (1 - v);
        if (v > 0) value += at(left, top + 1, channel) * (1 - u) * v;
        if (u > 0 && v > 0) value += at(left + 1, top + 1, channel) * u * v;
        out[(y * width + x) * channels + channel] = value;
      }
    }
  }
}

/** The variant of its rows that an epoch gets. */
export function variantAt(config: AugmentConfig | undefined, epoch: number): number {
  if (!config) return 0;
  return config.variants === undefined ? epoch : epoch % config.variants;
}

/** The key of a row's draws. */
interface RowKey {
  readonly seed: number;
  readonly variant: number;
  readonly id: number;
}

/** Changes the inputs of one row. */
function changeRow(
  from: Float32Array,
  row: Float32Array,
  config: AugmentConfig,
  at: { form: RowForm; key: RowKey },
): void {
  const {
    form,
    key: { seed, variant, id },
  } = at;
  if (form.black.length > 0) {
    const next = randomStream(seed, hashName('augment'), variant, id);
    const [height, width] = form.shape;
    place(from, row, drawPlacement(config, { height, width }, next), form);
    changeImage(config, { ...form, row, next });
  }
  for (const [i, augmentation] of moduleAugmentations(config).entries())
    augmentation.row({ ...form, row, next: randomStream(seed, hashName('augment module'), i, variant, id) });
}

/** Blends each row with its successor in the micro-batch. */
function blendRows(
  { rows, x, y }: Batch,
  config: AugmentConfig,
  { seed, epoch, step, rank }: AugmentPlace,
): AugmentedBatch {
  const next = randomStream(seed, hashName('mixup'), epoch, step, rank);
  const [size, labelCount] = [x.length / rows, y.length / rows];
  const mixed = x.slice();
  const other = y.slice();
  const weights = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const successor = (i + 1) % rows;
    weights[i] = blendWeight(config, next);
    for (let k = 0; k < size; k++)
      mixed[i * size + k] = weights[i] * x[i * size + k] + (1 - weights[i]) * x[successor * size + k];
    other.set(y.subarray(successor * labelCount, (successor + 1) * labelCount), i * labelCount);
  }
  return { rows, x: mixed, y, blend: { y: other, weights } };
}

/** @param rows ids of the batch's rows */
export function augment(
  batch: Batch,
  rows: RowIds,
  config: AugmentConfig,
  { where, form }: { where: AugmentPlace; form: RowForm },
): AugmentedBatch {
  const size = batch.x.length / batch.rows;
  const x = batch.x.slice();
  const variant = variantAt(config, where.epoch);
  for (let i = 0; i < batch.rows; i++) {
    const [first, end] = [i * size, (i + 1) * size];
    const key = { seed: where.seed, variant, id: rows[i] };
    changeRow(batch.x.subarray(first, end), x.subarray(first, end), config, { form, key });
  }
  const changed = { ...batch, x };
  return config.mixup === undefined ? changed : blendRows(changed, config, where);
}
