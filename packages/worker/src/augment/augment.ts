// Augmentation of images, drawn per row from (seed, epoch, row id), so no cluster and no resume can change it. Mixtures
// of rows are drawn per micro-batch of a rank, whose rows are the same everywhere.
import {
  hashName,
  randomStream,
  symmetricBeta,
  type AugmentConfig,
  type RandomStream,
  type RowIds,
} from '@stillhouse/core';
import type { Batch } from '@stillhouse/datasets';

/** A batch, some of whose rows may be blended with another one. */
export interface AugmentedBatch extends Batch {
  /** Each row's second label, and the weight of the first. */
  readonly blend?: { readonly y: Float32Array; readonly weights: Float32Array };
}

export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** The key of the draws: seed of the phase, epoch, step and rank. */
export interface AugmentPlace {
  readonly seed: number;
  readonly epoch: number;
  readonly step: number;
  readonly rank: number;
}

/** The shape of a row's image, and the value of black after scaling. */
export interface ImageOfRow {
  readonly shape: ImageShape;
  readonly black: readonly number[];
}

/**
 * The point of the image that each point of the result shows: source = matrix · target + offset, in pixels from the
 * centre.
 */
interface Placement {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly dx: number;
  readonly dy: number;
}

const between = (next: RandomStream, low: number, high: number): number => low + (high - low) * next();
const signed = (next: RandomStream, most: number): number => Math.floor(next() * (2 * most + 1)) - most;

/** Draws flip, rotation, crop and shift, in this order, whether or not the recipe asks for them. */
function drawPlacement(
  { flip, rotate, crop, shift }: AugmentConfig,
  { height, width }: ImageShape,
  next: RandomStream,
): Placement {
  const [mirrorX, mirrorY] = [next() < 0.5, next() < 0.5];
  const angle = (between(next, -rotate, rotate) * Math.PI) / 180;
  const size = 1 - crop * next();
  const [placeX, placeY] = [next() - 0.5, next() - 0.5];
  const [shiftX, shiftY] = [signed(next, shift), signed(next, shift)];
  const flipX = mirrorX && (flip === 'horizontal' || flip === 'both') ? -1 : 1;
  const flipY = mirrorY && (flip === 'vertical' || flip === 'both') ? -1 : 1;
  const [cos, sin] = [Math.cos(angle) * size, Math.sin(angle) * size];
  return {
    a: flipX * cos,
    b: -flipX * sin,
    c: flipY * sin,
    d: flipY * cos,
    dx: placeX * (1 - size) * width - shiftX,
    dy: placeY * (1 - size) * height - shiftY,
  };
}

/** Samples the image by bilinear interpolation; points outside it are black. */
function place(
  image: Float32Array,
  out: Float32Array,
  { a, b, c, d, dx, dy }: Placement,
  { shape: { height, width, channels }, black }: ImageOfRow,
): void {
  const [midX, midY] = [(width - 1) / 2, (height - 1) / 2];
  const at = (x: number, y: number, channel: number): number =>
    x >= 0 && y >= 0 && x < width && y < height
      ? image[(y * width + x) * channels + channel]
      : black[channel % black.length];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sourceX = a * (x - midX) + b * (y - midY) + midX + dx;
      const sourceY = c * (x - midX) + d * (y - midY) + midY + dy;
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

/** Blackens a square whose centre is in the image (DeVries and Taylor 2017). */
function cutOut(
  image: Float32Array,
  size: number,
  { shape: { height, width, channels }, black }: ImageOfRow,
  next: RandomStream,
): void {
  const [midX, midY] = [Math.floor(next() * width), Math.floor(next() * height)];
  const low = (middle: number): number => Math.max(0, middle - (size >> 1));
  for (let y = low(midY); y < Math.min(height, low(midY) + size); y++) {
    for (let x = low(midX); x < Math.min(width, low(midX) + size); x++)
      for (let channel = 0; channel < channels; channel++)
        image[(y * width + x) * channels + channel] = black[channel % black.length];
  }
}

/** The variant of its rows that an epoch gets. */
export function variantAt(config: AugmentConfig | undefined, epoch: number): number {
  if (!config) return 0;
  return config.variants === undefined ? epoch : epoch % config.variants;
}

/**
 * @param rows ids of the batch's rows
 * @param image undefined for rows that are not images and can only be blended
 */
export function augment(
  batch: Batch,
  rows: RowIds,
  config: AugmentConfig,
  { where: { seed, epoch, step, rank }, image }: { where: AugmentPlace; image: ImageOfRow | undefined },
): AugmentedBatch {
  const size = batch.x.length / batch.rows;
  const x = batch.x.slice();
  if (image) {
    for (let i = 0; i < batch.rows; i++) {
      const next = randomStream(seed, hashName('augment'), variantAt(config, epoch), rows[i]);
      const row = x.subarray(i * size, (i + 1) * size);
      place(batch.x.subarray(i * size, (i + 1) * size), row, drawPlacement(config, image.shape, next), image);
      if (config.cutout > 0) cutOut(row, config.cutout, image, next);
    }
  }
  if (config.mixup === undefined) return { ...batch, x };
  // Each row with its successor in the micro-batch (Zhang et al. 2018).
  const next = randomStream(seed, hashName('mixup'), epoch, step, rank);
  const labelCount = batch.y.length / batch.rows;
  const mixed = x.slice();
  const y = batch.y.slice();
  const weights = new Float32Array(batch.rows);
  for (let i = 0; i < batch.rows; i++) {
    const other = (i + 1) % batch.rows;
    weights[i] = symmetricBeta(config.mixup, next);
    for (let k = 0; k < size; k++)
      mixed[i * size + k] = weights[i] * x[i * size + k] + (1 - weights[i]) * x[other * size + k];
    y.set(batch.y.subarray(other * labelCount, (other + 1) * labelCount), i * labelCount);
  }
  return { ...batch, x: mixed, blend: { y, weights } };
}
