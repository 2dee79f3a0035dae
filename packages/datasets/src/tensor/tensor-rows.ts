// Rows of tensors: what is fitted on the training rows of the large set, and how rows are stored in blocks.
import { limits, StillhouseError, type Recipe } from '@stillhouse/core';
import { lossOf, type LossFacts } from '@stillhouse/core/training';
import { NumberSummary } from '../row/number-summary.js';
import type { Selection } from '../row/selection.js';
import type { StoredRows } from '../row/stored-rows.js';
import { sizeOf, type TensorSet } from './tensor-set.js';

/** How rows of tensors become inputs and labels. */
export interface FittedTensors {
  /** An input is v·factor + offset, with one pair for all channels or one per channel. */
  readonly factors: readonly number[];
  readonly offsets: readonly number[];
  readonly classCount: number | null;
  /** Names of the classes, if they have names. */
  readonly classes: readonly string[] | null;
}

/** @param set the large set */
export async function fitTensors(set: TensorSet, selection: Selection, recipe: Recipe): Promise<FittedTensors> {
  const scale = recipe.data.tensors?.scale ?? (set.isBytes ? 'unit' : 'none');
  const channels = scale === 'standardize' ? set.inputShape.at(-1)! : 0;
  const summaries = Array.from({ length: channels }, () => new NumberSummary());
  const hasClasses = lossOf(recipe.loss).labels === 'class';
  let most = 0;
  if (hasClasses || channels > 0) {
    const pass = selection.pass();
    const size = sizeOf(set.inputShape);
    let first = 0;
    for await (const {
      rowCount,
      cells: [inputs, labels],
    } of set.chunks()) {
      for (let i = 0; i < rowCount; i++) {
        if (!selection.isWhole && pass(first + i, {}) !== 'training') continue;
        most = Math.max(most, labels[i * set.labelCount]);
        const row = inputs.subarray(i * size, (i + 1) * size);
        summaries.forEach((summary, channel) =>
          summary.add(
            row.filter((_, k) => k % channels === channel),
            undefined,
          ),
        );
      }
      first += rowCount;
    }
  }
  const scaling = {
    unit: { factors: [1 / 255], offsets: [0] },
    symmetric: { factors: [1 / 127.5], offsets: [-1] },
    none: { factors: [1], offsets: [0] },
    standardize: {
      factors: summaries.map(({ deviation }) => 1 / deviation),
      offsets: summaries.map(({ mean, deviation }) => -mean / deviation),
    },
  }[scale];
  return {
    ...scaling,
    classCount: hasClasses ? (set.classes?.length ?? Math.floor(most) + 1) : null,
    classes: set.classes ?? null,
  };
}

/**
 * What the training rows of the small set add to what was fitted on the large one: classes. Undefined if they add none.
 * @throws what reading the set throws
 */
export async function extendTensors(
  base: FittedTensors,
  set: TensorSet,
  selection: Selection,
): Promise<FittedTensors | undefined> {
  const pass = selection.pass();
  const found = new Set<number>();
  let first = 0;
  for await (const {
    rowCount,
    cells: [, labels],
  } of set.chunks()) {
    for (let i = 0; i < rowCount; i++)
      if (selection.isWhole || pass(first + i, {}) === 'training') found.add(labels[i * set.labelCount]);
    first += rowCount;
  }
  if (base.classes) {
    const classes = set.classes!.filter((name, i) => found.has(i) && !base.classes!.includes(name));
    return classes.length === 0
      ? undefined
      : { ...base, classes: [...base.classes, ...classes], classCount: base.classes.length + classes.length };
  }
  // A value that is not a class is refused later, when it is written.
  let most = 0;
  for (const label of found) if (Number.isInteger(label) && label < limits.categoryCount) most = Math.max(most, label);
  return most < base.classCount! ? undefined : { ...base, classCount: most + 1 };
}

interface Options {
  /** Name of the set, for errors. */
  readonly name: string;
  readonly loss: LossFacts;
  readonly fitted: FittedTensors;
  /** False for the rows of a pool, whose labels are labelCount zeros each. */
  readonly withLabels: boolean;
  readonly labelCount: number;
}

export async function* storedTensors(
  set: TensorSet,
  { name, loss, fitted: { classes, classCount }, withLabels, labelCount: wantedLabels }: Options,
): AsyncGenerator<StoredRows> {
  const { what } = set;
  const labelCount = withLabels ? set.labelCount : wantedLabels;
  const limit = classes?.length ?? classCount ?? 2;
  // Another set's folders need not be the same: its classes are matched by name.
  const places = withLabels ? set.classes?.map((each) => classes!.indexOf(each)) : undefined;
  let first = 0;
  for await (const {
    rowCount,
    cells: [inputs, given],
  } of set.chunks()) {
    const labels = !withLabels
      ? new Float32Array(rowCount * labelCount)
      : places
        ? Float32Array.from(given, (label) => places[label])
        : given;
    const problems = new Map<number, () => Promise<StillhouseError>>();
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i];
      const isRight =
        loss.labels !== 'numbers' ? Number.isInteger(label) && label >= 0 && label < limit : Number.isFinite(label);
      const row = first + Math.floor(i / labelCount);
      if (isRight || problems.has(row - first)) continue;
      const shown = set.classes ? JSON.stringify(set.classes[given[i]]) : String(label);
      const wanted = set.classes
        ? 'a class of the training rows'
        : loss.labels !== 'numbers'
          ? `a class from 0 to ${limit - 1}, as ${loss.name} needs`
          : 'a finite number';
      problems.set(
        row - first,
        async () =>
          new StillhouseError('DATA_LABEL', `data.${name} (${what}): label ${shown} of row ${row} is not ${wanted}`),
      );
    }
    for (let i = 0; i < inputs.length; i++) {
      const row = Math.floor(i / (inputs.length / rowCount));
      if (inputs[i] - inputs[i] !== 0 && !problems.has(row))
        problems.set(
          row,
          async () =>
            new StillhouseError(
              'DATA_CELL',
              `data.${name} (${what}): row ${first + row} has a number that is not finite`,
            ),
        );
    }
    yield { first, rowCount, cells: [inputs], labels: [labels], keys: undefined, dropped: new Set(), problems };
    first += rowCount;
  }
}
