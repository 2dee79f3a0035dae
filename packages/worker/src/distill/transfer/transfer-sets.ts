// Rows without labels that are added to each batch of a student: rows of the batch again, changed by their own draws;
// rows put together from its columns; or rows of the large set or a pool, each once in a shuffled order before any
// comes again. All are a function of (seed, epoch, step).
import {
  columnWidth,
  hashName,
  hashWords,
  randomStream,
  invariant,
  type DatasetManifest,
  type SetManifest,
  type TransferConfig,
} from '@stillhouse/core';
import {
  epochOrder,
  stepsPerEpoch,
  totalSteps,
  type EpochOrder,
  type RowIds,
  type Schedule,
} from '@stillhouse/core/cluster';
import { TrainingReader, type Batch } from '@stillhouse/datasets';
import type * as tf from '@tensorflow/tfjs';
import { augment, formOf, variantAt, type AugmentPlace, type RowForm } from '../../augment/augment.js';
import type { FetchBlock } from '../../block/fetch-block.js';
import { answersAbout, variantsOf } from './known-rows.js';
import type { TeacherAnswers } from '../teacher/teacher-answers.js';

/** A step of the student, and the rows of its batch as they are stored. */
export interface OwnRows {
  readonly batch: Batch;
  readonly rows: RowIds;
  readonly where: AugmentPlace;
}

/** Rows that a set adds. */
export interface AddedRows {
  /** Inputs, one row after the other. */
  readonly x: Float32Array;
  readonly answers?: readonly tf.Tensor[] | undefined;
}

interface TransferSet {
  add(own: OwnRows): Promise<AddedRows>;
  readonly waitedMs: number;
}

export interface TransferOptions {
  /** The data set as the student sees it. */
  readonly dataset: DatasetManifest;
  /** The student's seed. */
  readonly schedule: Schedule;
  readonly fetchBlock: FetchBlock;
  /** The outputs of the student's teacher for rows. */
  readonly respond: (x: tf.Tensor) => Promise<tf.Tensor[]>;
}

/** Draws for one set, different from those of the batch and of other sets. */
const seedOf = (seed: number, index: number, copy = 0): number => hashWords(seed, hashName('transfer'), index, copy);

const changed = (
  batch: Batch,
  rows: RowIds,
  config: TransferConfig,
  place: { where: AugmentPlace; form: RowForm },
): Float32Array => (config.augment ? augment(batch, rows, config.augment, place).x : batch.x);

function fromBatch(config: TransferConfig, index: number, { dataset }: TransferOptions): TransferSet {
  return {
    waitedMs: 0,
    add({ batch, rows, where }) {
      const width = batch.x.length / batch.rows;
      const added = new Float32Array(Math.round(batch.rows * config.rows) * width);
      // As often as the rows are requested, each time with other draws.
      for (let copy = 0; copy * batch.x.length < added.length; copy++) {
        const all = changed(batch, rows, config, {
          where: { ...where, seed: seedOf(where.seed, index, copy) },
          form: formOf(dataset),
        });
        added.set(all.subarray(0, added.length - copy * batch.x.length), copy * batch.x.length);
      }
      return Promise.resolve({ x: added });
    },
  };
}

/** Widths of the parts of a row that belong together: the columns of a table, or else each number of a list. */
function partsOf({ inputShape, columns: [first, ...others] }: DatasetManifest): number[] | undefined {
  if (inputShape.length !== 1) return undefined;
  return first.type === 'tensor' ? Array<number>(inputShape[0]).fill(1) : [first, ...others].map(columnWidth);
}

/**
 * Draws each column by itself: the method Random of Buciluă, Caruana and Niculescu-Mizil 2006, section 3.1, on the
 * batch.
 */
function fromColumns(config: TransferConfig, index: number, { dataset }: TransferOptions): TransferSet {
  const parts = partsOf(dataset);
  invariant(parts, `rows of shape [${dataset.inputShape.join(', ')}] have no columns`);
  return {
    waitedMs: 0,
    add({ batch, where }) {
      const width = batch.x.length / batch.rows;
      const rows = Math.round(batch.rows * config.rows);
      const seed = seedOf(where.seed, index);
      const next = randomStream(seed, hashName('columns'), where.epoch, where.step, where.rank);
      const x = new Float32Array(rows * width);
      for (let at = 0; at < x.length; at += width) {
        let offset = 0;
        for (const part of parts) {
          const from = Math.floor(next() * batch.rows) * width + offset;
          x.set(batch.x.subarray(from, from + part), at + offset);
          offset += part;
        }
      }
      const made = { rows, x, y: new Float32Array(rows) };
      return Promise.resolve({
        x:
          rows > 0
            ? changed(
                made,
                Array.from({ length: rows }, (_, i) => i),
                config,
                { where: { ...where, seed }, form: formOf(dataset) },
              )
            : x,
      });
    },
  };
}

class FromSet implements TransferSet {
  readonly #reader: TrainingReader;
  readonly #schedule: Schedule;
  #order: { readonly epoch: number; readonly order: EpochOrder } | undefined;
  readonly #answers: TeacherAnswers | undefined;

  constructor(
    set: SetManifest,
    private readonly config: TransferConfig,
    index: number,
    private readonly options: TransferOptions,
  ) {
    const { dataset, schedule, fetchBlock } = options;
    const { rowCount, blockRows, windowBlocks } = set;
    const all = {
      rowCount,
      batch: Math.min(rowCount, Math.max(1, Math.round(schedule.batch * config.rows))),
      ranks: 1,
      epochs: 1,
      seed: seedOf(schedule.seed, index),
      ...(windowBlocks === undefined ? {} : { windows: { blockRows, windowBlocks } }),
    };
    this.#schedule = { ...all, epochs: Math.ceil(totalSteps(schedule) / stepsPerEpoch(all)) };
    this.#reader = new TrainingReader(dataset, set, this.#schedule, fetchBlock);
    // Rows that come at most once are answered with their batch.
    const comesAgain = totalSteps(schedule) > (variantsOf(config.augment) ?? 1) * stepsPerEpoch(this.#schedule);
    this.#answers = comesAgain
      ? answersAbout(set, { ...options, augment: config.augment, seed: this.#schedule.seed })
      : undefined;
  }

  get waitedMs(): number {
    return this.#reader.waitedMs;
  }

  async add({ where }: OwnRows): Promise<AddedRows> {
    const { step } = where;
    const epoch = Math.floor(step / stepsPerEpoch(this.#schedule));
    if (this.#order?.epoch !== epoch) this.#order = { epoch, order: epochOrder(this.#schedule, epoch) };
    const { order } = this.#order;
    const share = { rank: 0, rows: order.rankRows({ step, rank: 0 }) };
    this.#reader.begin({ epoch, step, order, ranks: [share] });
    const batch = await this.#reader.read(share);
    const x = changed(batch, share.rows, this.config, {
      where: { ...where, epoch, seed: this.#schedule.seed },
      form: formOf(this.options.dataset),
    });
    return { x, answers: await this.#answers?.of(share.rows, variantAt(this.config.augment, epoch)) };
  }
}

function transferSet(config: TransferConfig, index: number, options: TransferOptions): TransferSet {
  if (config.from === 'small') return fromBatch(config, index, options);
  if (config.from === 'columns') return fromColumns(config, index, options);
  return new FromSet(options.dataset.sets[config.from]!, config, index, options);
}

export class TransferSets {
  readonly #sets: readonly TransferSet[];

  constructor(configs: readonly TransferConfig[], options: TransferOptions) {
    this.#sets = configs.map((config, i) => transferSet(config, i, options));
  }

  get waitedMs(): number {
    return this.#sets.reduce((sum, { waitedMs }) => sum + waitedMs, 0);
  }

  /** The rows that each set adds to a step's batch. */
  async add(own: OwnRows): Promise<AddedRows[]> {
    const added: AddedRows[] = [];
    for (const set of this.#sets) added.push(await set.add(own));
    return added;
  }
}
