// Which rows a teacher needs to answer only once: those that come again unchanged, or in one of a few variants.
import type * as tf from '@tensorflow/tfjs';
import { limits, type DatasetManifest, type SetManifest } from '@stillhouse/core';
import type { AugmentConfig } from '@stillhouse/core/training';
import { BlockReader } from '@stillhouse/datasets';
import { augment, formOf } from '../../augment/augment.js';
import type { FetchBlock } from '../../block/fetch-block.js';
import { TeacherAnswers } from '../teacher/teacher-answers.js';

export interface KnownRows {
  readonly dataset: DatasetManifest;
  readonly augment: AugmentConfig | undefined;
  /** Seed of the draws that change the rows. */
  readonly seed: number;
  readonly fetchBlock: FetchBlock;
  readonly respond: (x: tf.Tensor) => Promise<tf.Tensor[]>;
}

/** In how many variants each row comes; undefined if no row comes again unchanged. */
export function variantsOf(config: AugmentConfig | undefined): number | undefined {
  if (!config) return 1;
  return config.mixup === undefined ? config.variants : undefined;
}

/** The teacher's answers for a set's rows; undefined if they never come again. */
export function answersAbout(
  set: SetManifest,
  { dataset, augment: config, seed, fetchBlock, respond }: KnownRows,
): TeacherAnswers | undefined {
  const variants = variantsOf(config);
  if (variants === undefined) return undefined;
  const form = formOf(dataset);
  const reader = new BlockReader(dataset, fetchBlock, limits.keptBlockBytes);
  return new TeacherAnswers({
    rowCount: set.rowCount,
    variants,
    inputShape: dataset.inputShape,
    respond,
    async read(rows, variant) {
      const batch = await reader.read(set, rows);
      return config
        ? augment(batch, rows, config, { where: { seed, epoch: variant, step: 0, rank: 0 }, form }).x
        : batch.x;
    },
  });
}
