// Rows of tensors: what is fitted on the training rows of the large set, and how rows are stored in blocks.
import { limits, StillhouseError, type Numbers, type Recipe } from '@stillhouse/core';
import { lossOf, scaledTarget, takenLabels, type Loss, type TargetScale } from '@stillhouse/core/training';
import { labelFault, refuseClasses } from '../row/label-faults.js';
import { NumberSummary } from '../row/number-summary.js';
import type { Selection } from '../row/selection.js';
import type { StoredRows } from '../row/stored-rows.js';
import { planTarget, scaleOf, summaryOf, transformsOf, type TargetPlan } from '../row/target-scale.js';
import type { NumberReading } from '../row/yeo-johnson-lambda.js';
import { sizeOf, type TensorSet } from './tensor-set.js';

/** How rows of tensors become inputs and labels. */
export interface FittedTensors {
  /** An input is v·factor + offset, with one pair for all channels or one per channel. */
  readonly factors: readonly number[];
  readonly offsets: readonly number[];
  readonly classCount: number | null;
  /** Names of the classes, if they have names. */
  readonly classes: readonly string[] | null;
  /** How targets of regression are scaled; absent if they are not. */
  readonly targets?: readonly TargetScale[] | undefined;
}

/** The rows of a set that are in its training part: chunks with the positions of those rows. */
async function* trainingChunks(
  set: TensorSet,
  selection: Selection,
): AsyncGenerator<{ inputs: Numbers; labels: Numbers; rows: readonly number[] }> {
  const pass = selection.pass();
  let first = 0;
  for await (const {
    rowCount,
    cells: [inputs, labels],
  } of set.chunks()) {
    const rows: number[] = [];
    for (let i = 0; i < rowCount; i++) if (selection.isWhole || pass(first + i, {}) === 'training') rows.push(i);
    yield { inputs, labels, rows };
    first += rowCount;
  }
}

/** The k-th number of each training row's label. */
const trainingNumbers = (set: TensorSet, selection: Selection, k: number): NumberReading =>
  async function* () {
    for await (const { labels, rows } of trainingChunks(set, selection))
      yield Float64Array.from(rows, (row) => labels[row * set.labelCount + k]);
  };

async function planTargets(set: TensorSet, selection: Selection, { data }: Recipe): Promise<TargetPlan[]> {
  if (data.targetTransform === undefined) return [];
  const plans: TargetPlan[] = [];
  for (const [k, kind] of transformsOf(data, set.labelCount, 'none').entries())
    plans.push(await planTarget(kind, trainingNumbers(set, selection, k)));
  return plans;
}

const isClass = (label: number): boolean => Number.isInteger(label) && label >= 0 && label < limits.categoryCount;

/** The labels of the training rows, if they are classes. */
class FoundClasses {
  readonly #found = new Set<number>();
  /** Whether every label is a class; others are refused when they are written. */
  #areAll = true;

  constructor(
    private readonly set: TensorSet,
    private readonly loss: Loss,
  ) {}

  add(labels: Numbers, rows: readonly number[]): void {
    const { loss, set } = this;
    if (loss.labels === 'numbers' || set.labelCount > 1) return;
    const limit = loss.labels === 'binary' && !set.classes ? 2 : limits.categoryCount;
    for (const row of rows)
      if (isClass(labels[row]) && labels[row] < limit) this.#found.add(labels[row]);
      else this.#areAll = false;
  }

  /** @throws StillhouseError DATA_LABEL */
  finish(): Pick<FittedTensors, 'classCount' | 'classes'> {
    const { loss, set } = this;
    const found = [...this.#found].sort((a, b) => a - b);
    const names = found.map((label) => set.classes?.[label] ?? String(label));
    if (this.#areAll) refuseClasses(set.what, names, loss);
    const classes = set.classes && loss.labels === 'binary' ? names : (set.classes ?? null);
    const highest = found.at(-1) ?? -1;
    return { classCount: loss.labels === 'class' ? (classes?.length ?? highest + 1) : null, classes };
  }
}

/** @param pixels room for a row's numbers of one channel */
function summariseChannels(
  summaries: readonly NumberSummary[],
  inputs: Numbers,
  rows: readonly number[],
  pixels: Float64Array,
): void {
  const channels = summaries.length;
  for (const row of rows)
    summaries.forEach((summary, channel) => {
      const first = row * pixels.length * channels + channel;
      for (let i = 0; i < pixels.length; i++) pixels[i] = inputs[first + i * channels];
      summary.add(pixels, undefined);
    });
}

/**
 * @param set the large set
 * @throws StillhouseError DATA_LABEL, RECIPE_INVALID, and what reading the set throws
 */
export async function fitTensors(set: TensorSet, selection: Selection, recipe: Recipe): Promise<FittedTensors> {
  const loss = lossOf(recipe.loss);
  if (loss.labels === 'class' && set.labelCount !== 1)
    throw new StillhouseError(
      'DATA_LABEL',
      `data.large (${set.what}) has ${set.labelCount} numbers per label, but ${loss.name} takes one class per row`,
      { next: 'Give the index of the class, counted from 0, such as numpy.argmax(labels, axis=1).' },
    );
  const scale = recipe.data.tensors?.scale ?? (set.isBytes ? 'unit' : 'none');
  const channels = scale === 'standardize' ? set.inputShape.at(-1)! : 0;
  const summaries = Array.from({ length: channels }, () => new NumberSummary());
  const plans = await planTargets(set, selection, recipe);
  const targets = plans.map(summaryOf);
  const found = new FoundClasses(set, loss);
  if (loss.labels !== 'numbers' || channels + targets.length > 0) {
    const pixels = new Float64Array(sizeOf(set.inputShape) / Math.max(1, channels));
    for await (const { inputs, labels, rows } of trainingChunks(set, selection)) {
      found.add(labels, rows);
      targets.forEach((summary, k) =>
        summary.add(
          Float64Array.from(rows, (row) => labels[row * set.labelCount + k]),
          undefined,
        ),
      );
      summariseChannels(summaries, inputs, rows, pixels);
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
    ...found.finish(),
    ...(plans.length > 0 ? { targets: plans.map((plan, k) => scaleOf(plan, targets[k])) } : {}),
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
  const found = new Set<number>();
  for await (const { labels, rows } of trainingChunks(set, selection))
    for (const row of rows) found.add(labels[row * set.labelCount]);
  if (base.classes) {
    const classes = set.classes!.filter((name, i) => found.has(i) && !base.classes!.includes(name));
    return classes.length === 0
      ? undefined
      : { ...base, classes: [...base.classes, ...classes], classCount: base.classes.length + classes.length };
  }
  // A value that is not a class is refused later, when it is written.
  let most = 0;
  for (const label of found) if (isClass(label)) most = Math.max(most, label);
  return most < base.classCount! ? undefined : { ...base, classCount: most + 1 };
}

interface Options {
  /** Name of the set, for errors. */
  readonly name: string;
  readonly loss: Loss;
  readonly fitted: FittedTensors;
  /** False for the rows of a pool, whose labels are labelCount zeros each. */
  readonly withLabels: boolean;
  readonly labelCount: number;
}

/** Why rows of a chunk cannot be used, by their position in it. */
type Problems = Map<number, () => Promise<StillhouseError>>;

/** Labels as they are stored, and as they are checked. */
function labelsOf(
  given: Numbers,
  { set, first, problems }: { set: TensorSet; first: number; problems: Problems },
  { name, loss, fitted: { classes, classCount, targets } }: Options,
): Numbers {
  const { labelCount, what } = set;
  // Another set's folders need not be the same: its classes are matched by name, or by number if they have no names.
  const placeOf = (name: string): number =>
    classes ? classes.indexOf(name) : /^\d+$/.test(name) && Number(name) < (classCount ?? 2) ? Number(name) : -1;
  const places = set.classes?.map(placeOf);
  const labels = places
    ? Float32Array.from(given, (label) => places[label])
    : targets
      ? Float32Array.from(given, (label, i) => scaledTarget(label, targets[i % labelCount]))
      : given instanceof Float64Array
        ? Float32Array.from(given)
        : given;
  const count = classes?.length ?? classCount ?? 0;
  const { fits } = takenLabels(loss, count);
  for (let i = 0; i < labels.length; i++) {
    const row = Math.floor(i / labelCount);
    if (fits(labels[i]) || problems.has(row)) continue;
    const shown = places ? JSON.stringify(set.classes![given[i]]) : String(given[i]);
    const label = `data.${name} (${what}): label ${shown} of row ${first + row + 1}`;
    const fault =
      places && labels[i] < 0
        ? new StillhouseError('DATA_LABEL', `${label} is not a class of the training rows`)
        : labelFault({ what: label, value: given[i], scaled: labels[i] }, loss, {
            classCount: count,
            scale: targets?.[i % labelCount],
          });
    problems.set(row, () => Promise.resolve(fault));
  }
  return labels;
}

function checkInputs(inputs: Numbers, width: number, problemAt: (row: number) => void): void {
  for (let i = 0; i < inputs.length; i++) if (inputs[i] - inputs[i] !== 0) problemAt(Math.floor(i / width));
}

export async function* storedTensors(set: TensorSet, options: Options): AsyncGenerator<StoredRows> {
  const { name, withLabels, labelCount } = options;
  let first = 0;
  for await (const {
    rowCount,
    cells: [inputs, given],
  } of set.chunks()) {
    const problems: Problems = new Map();
    const labels = withLabels
      ? labelsOf(given, { set, first, problems }, options)
      : new Float32Array(rowCount * labelCount);
    const at = first;
    checkInputs(inputs, inputs.length / rowCount, (row) => {
      if (problems.has(row)) return;
      problems.set(
        row,
        async () =>
          new StillhouseError(
            'DATA_CELL',
            `data.${name} (${set.what}): row ${at + row} has a number that is not finite`,
          ),
      );
    });
    yield { first, rowCount, cells: [inputs], labels: [labels], keys: undefined, dropped: new Set(), problems };
    first += rowCount;
  }
}
