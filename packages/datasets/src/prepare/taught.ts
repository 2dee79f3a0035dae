// What a teacher that Stillhouse trained prescribes for the data of its students: its preprocessing, so that it sees
// rows as it did in training, and which rows were held out of its training.
import {
  StillhouseError,
  type FittedColumn,
  type HeldOut,
  type ModelMetadata,
  type NumberColumn,
  type TensorColumn,
} from '@stillhouse/core';
import type { TargetScale } from '@stillhouse/core/training';
import type { Preprocessing } from '../table/preprocessing.js';
import type { FittedTensors } from '../tensor/tensor-rows.js';

export interface Taught {
  /** The teacher's path, for messages. */
  readonly path: string;
  readonly metadata: Pick<ModelMetadata, 'columns' | 'outputs' | 'targets' | 'classes'>;
  /** Which rows it was not trained on; absent if it does not say. */
  readonly heldOut: HeldOut | undefined;
  /** Whether the student learns from its outputs: then it has the teacher's targets and classes as well. */
  readonly isHeard: boolean;
}

const named = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ');

function unlike({ path }: Taught, what: string, next?: string): never {
  throw new StillhouseError('TEACHER_UNLIKE', `the teacher ${path} ${what}`, next === undefined ? {} : { next });
}

/** How a column of numbers may have been declared, by what was fitted: a constant column fits several. */
function scalingsOf({ transform, shift, scale, fill }: NumberColumn): string[] {
  if (transform !== 'none') return [transform];
  return [
    ...(shift === 0 && scale === 1 ? ['none'] : []),
    ...(shift === fill ? ['standardize'] : []),
    ...(shift !== fill || scale === 1 ? ['minMax'] : []),
  ];
}

/** Readable forms of a column's declaration; two columns are declared alike if they share one. */
function declarationsOf(column: FittedColumn): string[] {
  if (column.type === 'tensor') return [`rows of ${column.size} numbers`];
  if (column.type === 'category')
    return [`category: ${column.encode}${column.encode === 'hash' ? `, buckets: ${column.buckets}` : ''}`];
  return scalingsOf(column).map((scaling) => `number: ${scaling}${column.indicator ? ', indicator: true' : ''}`);
}

/** The teacher's column for rows of this run, whose cells may need a wider type, or another rule for empty ones. */
function adoptColumn(taught: Taught, theirs: FittedColumn, here: FittedColumn): FittedColumn {
  const [wanted, given] = [declarationsOf(theirs), declarationsOf(here)];
  if (!wanted.some((each) => given.includes(each)))
    unlike(
      taught,
      `takes the column ${JSON.stringify(theirs.name)} as { ${wanted[0]} }, but here it is { ${given[0]} }`,
      'Declare the column in data.table.columns as it was declared when the teacher was trained.',
    );
  if (theirs.type !== 'number' || here.type !== 'number') return theirs;
  return {
    ...theirs,
    missing: here.missing,
    dtype: here.dtype === 'F32' && theirs.dtype === 'F64' ? 'F64' : here.dtype,
  };
}

function refuseOtherColumns(taught: Taught, here: Preprocessing): void {
  const theirs = taught.metadata.columns;
  const lacking = theirs.filter(({ name }) => !here.columns.some((each) => each.name === name));
  const added = here.columns.filter(({ name }) => !theirs.some((each) => each.name === name));
  if (lacking.length + added.length === 0) return;
  unlike(
    taught,
    [
      ...(lacking.length > 0
        ? [`takes ${named(lacking.map(({ name }) => name))}, which data.large does not give`]
        : []),
      ...(added.length > 0 ? [`was not trained on ${named(added.map(({ name }) => name))} of data.large`] : []),
    ].join(', and '),
    'Give data.large the columns that the teacher was trained on; set others to ignore in data.table.columns.',
  );
}

const unscaled: TargetScale = { mean: 0, deviation: 1 };

/** How a target is changed before it is learned. */
function scalingOf({ mean, deviation, transform }: TargetScale): string {
  const isPlain = mean === 0 && deviation === 1;
  return [...(transform === undefined ? [] : [transform]), isPlain ? 'unscaled' : 'scaled'].join(', ');
}

/**
 * The targets' scales: those of the teacher, whose outputs the student learns.
 * @param names the targets' names, for messages
 */
function adoptScales<Scale extends TargetScale>(
  taught: Taught,
  here: readonly Scale[],
  names: readonly string[],
): Scale[] {
  const { targets } = taught.metadata;
  const theirs: readonly TargetScale[] = targets.length > 0 ? targets : here.map(() => unscaled);
  if (theirs.length !== here.length)
    unlike(taught, `predicts ${theirs.length} numbers, but data.large has ${here.length} targets`);
  return here.map((target, i) => {
    const [there, now] = [theirs[i], target].map(scalingOf);
    if (there !== now)
      unlike(
        taught,
        `learned the target ${JSON.stringify(names[i])} ${there}, but here it is ${now}`,
        'Set data.table.standardize and data.targetTransform as they were when the teacher was trained.',
      );
    return targets.length > 0 ? { ...target, ...theirs[i] } : target;
  });
}

/** Names of the classes in the teacher's order; rows must have no others. */
function adoptClasses<Classes extends readonly string[] | null | undefined>(taught: Taught, here: Classes): Classes {
  const { classes: theirs } = taught.metadata;
  if (!here !== !theirs)
    unlike(
      taught,
      `knows ${theirs ? `the classes ${named(theirs)}` : 'its classes by number'}, but data.large has ` +
        `${here ? `the classes ${named(here)}` : 'classes without names'}`,
    );
  const unknown = here?.filter((name) => !theirs!.includes(name)) ?? [];
  if (unknown.length > 0)
    unlike(taught, `does not know the class ${named(unknown)} of data.large; it knows ${named(theirs!)}`);
  return (theirs ?? here) as Classes;
}

/**
 * What was fitted on the large set, with the teacher's fits in place of its own.
 * @throws StillhouseError TEACHER_UNLIKE that names the columns, targets or classes that do not fit
 */
export function adoptTable(taught: Taught, here: Preprocessing): Preprocessing {
  refuseOtherColumns(taught, here);
  const columns = taught.metadata.columns.map((theirs) =>
    adoptColumn(
      taught,
      theirs,
      here.columns.find(({ name }) => name === theirs.name)!,
    ),
  );
  if (!taught.isHeard) return { ...here, columns };
  const names = here.targets.map(({ name }) => name);
  const targets = here.classes === undefined ? adoptScales(taught, here.targets, names) : here.targets;
  return {
    columns,
    targets: targets.map((target, i) => ({ ...target, name: names[i] })),
    classes: adoptClasses(taught, here.classes),
  };
}

/**
 * As `adoptTable`, for rows of numbers of one shape.
 * @param here what was fitted on the large set
 * @param isFitted whether the scale depends on the rows
 */
export function adoptTensors(
  taught: Taught,
  here: FittedTensors,
  { size, isFitted }: { size: number; isFitted: boolean },
): FittedTensors {
  const [column] = taught.metadata.columns as readonly TensorColumn[];
  if (column.type !== 'tensor' || column.size !== size)
    unlike(
      taught,
      `takes ${column.type === 'tensor' ? `rows of ${column.size} numbers` : 'rows of a table'}, but rows of ` +
        `data.large have ${size} numbers`,
    );
  const { factors, offsets } = column;
  const scaleOf = (each: Pick<FittedTensors, 'factors' | 'offsets'>): string =>
    `factors ${each.factors.join(', ')} and offsets ${each.offsets.join(', ')}`;
  if (scaleOf(column) !== scaleOf(here) && !(isFitted && factors.length === here.factors.length))
    unlike(
      taught,
      `scales numbers by ${scaleOf(column)}, but here they are scaled by ${scaleOf(here)}`,
      'Set data.tensors.scale as it was when the teacher was trained.',
    );
  if (!taught.isHeard) return { ...here, factors, offsets };
  if (here.classCount === null) {
    const targets = here.targets ?? taught.metadata.targets.map(() => unscaled);
    const names = targets.map((_, i) => String(i + 1));
    const scales = adoptScales(taught, targets, names);
    return { ...here, factors, offsets, ...(here.targets ? { targets: scales } : {}) };
  }
  const { outputs } = taught.metadata;
  if (here.classCount > outputs) unlike(taught, `has ${outputs} classes, but data.large has ${here.classCount}`);
  return { factors, offsets, classes: adoptClasses(taught, here.classes), classCount: outputs };
}

/** What the teacher's fits change for these rows, as sentences. */
export function adopted(taught: Taught, here: Preprocessing, there: Preprocessing): string[] {
  const differs = <Value>(one: Value, other: Value): boolean => JSON.stringify(one) !== JSON.stringify(other);
  const columns = there.columns.filter((column) =>
    differs(
      column,
      here.columns.find(({ name }) => name === column.name),
    ),
  );
  const targets = there.targets.filter((target, i) => differs(target, here.targets[i]));
  const names = [...columns, ...targets].map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    `${named(names)}: encoded as when the teacher ${taught.path} was trained, not as these rows alone would have it`,
  ];
}

/**
 * Sentences about test rows on which the teacher may have been trained.
 * @param here how rows are held out now
 */
export function maybeSeen({ heldOut, path }: Taught, here: HeldOut): string[] {
  if (here.test === 0) return [];
  const seen = `the teacher ${path} may have been trained on rows that data.split.test holds out`;
  if (!heldOut) return [`${seen}: the version that trained it did not store which rows it held out`];
  if (heldOut.rows !== here.rows) return [];
  if (heldOut.by !== here.by) return [`${seen}: it held rows out by ${heldOut.by ?? 'their number'}`];
  return heldOut.test < here.test ? [`${seen}: it held out a share of ${heldOut.test}`] : [];
}
