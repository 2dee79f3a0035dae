// Micro-batches that stay bytes until the device that computes scales them: images, where nothing in host memory wants
// the numbers. A batch of zeros of the same shape stands for them wherever only the shape counts.
import { tf } from '@stillhouse/native/tfjs';
import { inputWidth, type DatasetManifest } from '@stillhouse/core';
import type { ByteScaling } from '@stillhouse/native/engines';
import type { Objective, PreparedBatch } from '../objective/objective.js';

/** What the bytes of a data set mean, if its only column is a tensor of them that a graph can scale. */
export function scalingOf({ columns, inputShape }: DatasetManifest): ByteScaling | undefined {
  const [column] = columns;
  if (columns.length !== 1 || column.type !== 'tensor' || column.dtype !== 'U8') return undefined;
  const { factors, offsets } = column;
  const sizes = [1, inputShape.at(-1), inputWidth(columns)];
  return sizes.includes(factors.length) && factors.length === offsets.length ? { factors, offsets } : undefined;
}

export class ByteBatches {
  readonly #zeros = new Map<number, PreparedBatch>();

  constructor(
    private readonly dataset: DatasetManifest,
    private readonly objective: Objective,
    readonly scaling: ByteScaling,
  ) {}

  /** A batch of zeros of so many rows. */
  async zeros(rows: number): Promise<PreparedBatch> {
    const known = this.#zeros.get(rows);
    if (known) return known;
    const { inputShape, labelCount } = this.dataset;
    const x = tf.zeros([rows, ...inputShape]);
    const batch = await this.objective.prepare({ x, y: tf.zeros([rows, labelCount]), epoch: 0 });
    this.#zeros.set(rows, batch);
    return batch;
  }

  dispose(): void {
    for (const { inputs } of this.#zeros.values()) tf.dispose([...inputs]);
  }
}
