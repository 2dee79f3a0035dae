// Keys of a recipe that change nothing because of the values of other keys. A run names those that are given, and a
// sweep or a search over one is refused.
import { imageAugmentation, type AugmentConfig } from '../augment/augmentations.js';
import { lossOf } from '../loss/losses.js';
import { optionsOf, termOf, usesTemperature, type TermConfig } from '../term/terms.js';
import { learnsFromOutputs } from './distill.js';
import { formatPath, parsePath, valueAt, withValueAt, type Path } from './path.js';
import { isTrained, recipeSchema, type Recipe, type TrainingConfig } from './schema.js';
import { hasTable, plainSourcesOf, type PlainSourceConfig } from './source/sources.js';

/** A key that changes nothing, whether or not the recipe gives it, and why. */
interface InertKey {
  readonly path: Path;
  /** A sentence without its full stop. */
  readonly reason: string;
}

const nameOf = (term: TermConfig): string => termOf(term).name;

function* inertInDistill({ distill, loss: config, student }: Recipe): Generator<InertKey> {
  if (!distill || !student) return;
  const { terms, final, correctBiases, tune } = distill;
  const inDistill = (keys: Path, reason: string): InertKey => ({ path: ['distill', ...keys], reason });
  const loss = lossOf(config);
  if (terms.length === 0)
    for (const key of ['alpha', 'beta', 'final']) yield inDistill([key], 'distill.terms is empty');
  else if (!terms.some((term) => usesTemperature(term, loss))) {
    const reason = `the temperature cancels, or does not occur, in ${terms.map(nameOf).join(', ')} with ${loss.name}`;
    yield inDistill(['beta'], reason);
    yield inDistill(['final', 'beta'], reason);
  }
  if (student.epochs === 1)
    for (const key of ['alpha', 'beta'] as const)
      if (final?.[key] !== undefined) yield inDistill([key], 'the only epoch is the last, which has distill.final');
  if (terms.every((term) => termOf(term).comparesLayers) && !correctBiases)
    yield inDistill(['calibrate'], 'the student learns nothing from its teacher\u2019s outputs');
  for (const [i, term] of terms.entries())
    if ('module' in term && !termOf(term).comparesLayers)
      for (const key of ['teacher', 'student'])
        yield inDistill(['terms', i, key], `${nameOf(term)} compares no layers`);
  for (const [i, term] of terms.entries())
    if ((termOf(term).firstEpochs?.(optionsOf(term)) ?? 0) > 0)
      yield inDistill(['terms', i, 'warmupEpochs'], 'the term has its full weight in its firstEpochs');
  if (tune?.search.name === 'grid' && tune.values && Object.values(tune.values).every(Array.isArray))
    yield inDistill(['tune', 'search', 'points'], 'every number has a list of values');
  for (const [i, { augment }] of distill.transfer.entries())
    yield* inertInAugment(['distill', 'transfer', i, 'augment'], augment);
}

function* inertInAugment(path: Path, augment: AugmentConfig | undefined): Generator<InertKey> {
  if (augment && !imageAugmentation(augment) && !augment.modules?.length)
    yield { path: [...path, 'variants'], reason: 'no augmentation makes variants of a row by itself' };
}

function* inertInTraining(name: 'teacher' | 'student', part: TrainingConfig): Generator<InertKey> {
  const { augment, earlyStopping, epochs, optimizer, prune, schedule } = part;
  if (prune?.sparsity === 0)
    for (const key of ['from', 'to']) yield { path: [name, 'prune', key], reason: 'its sparsity is 0' };
  if (optimizer.name === 'sgd' && optimizer.momentum === 0)
    yield { path: [name, 'optimizer', 'nesterov'], reason: 'the momentum is 0' };
  const ends = `training ends after ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`;
  if (schedule.name === 'step' && schedule.everyEpochs >= epochs)
    for (const key of ['everyEpochs', 'factor']) yield { path: [name, 'schedule', key], reason: ends };
  if (earlyStopping && !earlyStopping.restoreBest && earlyStopping.patience >= epochs)
    yield { path: [name, 'earlyStopping'], reason: `${ends}, and restoreBest is false` };
  yield* inertInAugment([name, 'augment'], augment);
}

function* inertInModels({ teacher, student, distill, loss }: Recipe): Generator<InertKey> {
  if (!isTrained(teacher))
    for (const key of ['ranks', 'wire'])
      yield { path: [key], reason: 'only a teacher is trained on ranks, and it is pretrained' };
  if (isTrained(teacher)) yield* inertInTraining('teacher', teacher);
  else if (lossOf(loss).labels === 'numbers')
    yield { path: ['teacher', 'outputs'], reason: `${lossOf(loss).name} has no classes` };
  else if (distill && !learnsFromOutputs(distill))
    yield { path: ['teacher', 'outputs'], reason: 'the student learns nothing from its outputs' };
  if (student) yield* inertInTraining('student', student);
}

function* inertInSource(path: Path, source: PlainSourceConfig): Generator<InertKey> {
  if ('generator' in source && source.generator === 'noise')
    yield { path: [...path, 'noise'], reason: 'the labels of generator noise are nothing else' };
  if ('tfrecord' in source && source.image)
    yield { path: [...path, 'shape'], reason: 'image gives the shape of a row' };
}

/** Every source of the recipe, with its path. */
const sourcesOf = ({ data: { large, small, pool, test } }: Recipe): { path: Path; source: PlainSourceConfig }[] =>
  Object.entries({ large, small, pool, test }).flatMap(([name, config]) =>
    config
      ? plainSourcesOf(config).map(({ path, source }) => ({ path: parsePath(`data.${name}${path}`), source }))
      : [],
  );

function* inertInTable({ data: { table } }: Recipe, sources: readonly PlainSourceConfig[]): Generator<InertKey> {
  const path: Path = ['data', 'table'];
  if (!sources.some((source) => hasTable(source) || 'module' in source)) yield { path, reason: 'no set is a table' };
  else if (!sources.some((source) => 'csv' in source))
    yield { path: [...path, 'delimiter'], reason: 'no set is a CSV file' };
  for (const [name, column] of Object.entries(table?.columns ?? {})) {
    if (typeof column === 'string') continue;
    if ('category' in column) {
      if (column.category !== 'hash')
        yield { path: [...path, 'columns', name, 'buckets'], reason: `only hash has buckets, not ${column.category}` };
    } else if ((column.missing ?? table!.missing) !== 'mean')
      yield {
        path: [...path, 'columns', name, 'indicator'],
        reason: 'no used row lacks the cell unless missing is mean',
      };
  }
}

function* inertInData(recipe: Recipe): Generator<InertKey> {
  const { teacher, distill } = recipe;
  const sources = sourcesOf(recipe);
  for (const { path, source } of sources) yield* inertInSource(path, source);
  const plain = sources.map(({ source }) => source);
  yield* inertInTable(recipe, plain);
  if (plain.every(hasTable)) yield { path: ['data', 'tensors'], reason: 'every set is a table' };
  const takesLargeRows = distill?.correctBiases || distill?.transfer.some(({ from }) => from === 'large');
  if (!isTrained(teacher) && !takesLargeRows)
    yield { path: ['data', 'sampling'], reason: 'no model is trained on the large set: the teacher is pretrained' };
}

const inertKeys = (recipe: Recipe): InertKey[] => [
  ...inertInData(recipe),
  ...inertInModels(recipe),
  ...inertInDistill(recipe),
];

/** The value that a recipe has at a path if it does not give one. */
function usualAt(recipe: Recipe, path: Path): unknown {
  const without = recipeSchema.safeParse(withValueAt(recipe, path, undefined));
  return without.success ? valueAt(without.data, path) : undefined;
}

/**
 * The keys that are given and change nothing, as sentences.
 * @param recipe whose modules are open
 */
export const inertNotes = (recipe: Recipe): string[] =>
  inertKeys(recipe).flatMap(({ path, reason }) => {
    const value = JSON.stringify(valueAt(recipe, path));
    if (value === undefined || value === JSON.stringify(usualAt(recipe, path))) return [];
    return [`${formatPath(path)} is ${value}, which changes nothing: ${reason}`];
  });

/**
 * Why no value at a path can change anything; undefined if one can.
 * @param recipe whose modules are open
 */
export const inertReason = (recipe: Recipe, path: string): string | undefined =>
  inertKeys(recipe).find(({ path: inert }) => inert.every((part, i) => parsePath(path)[i] === part))?.reason;

/** The models that are trained, by the part of the recipe that has them. */
const trainedParts = ({ teacher, student }: Recipe): [string, TrainingConfig][] => [
  ...(isTrained(teacher) ? [['teacher', teacher] as [string, TrainingConfig]] : []),
  ...(student ? [['student', student] as [string, TrainingConfig]] : []),
];

/** Why a backend cannot train in the recipe's precision, as a sentence; undefined if it can. */
export function precisionRefusal(recipe: Recipe, backend: string): string | undefined {
  const [part] = trainedParts(recipe).find(([, { precision }]) => precision === 'bf16') ?? [];
  return part === undefined || backend === 'tensorflow'
    ? undefined
    : `${part}.precision is bf16, which ${backend} cannot compute: only tensorflow can`;
}

/** Why tf32 changes nothing on an engine with this fingerprint; undefined if it does, or is not given. */
export const tf32Note = (recipe: Recipe, fingerprint: string): string | undefined =>
  usesTf32(recipe) && !fingerprint.split(' ').includes('tf32')
    ? 'precision is tf32, which changes nothing here: only tensorflow on GPUs of NVIDIA has it'
    : undefined;

/** Whether the job's models are trained in tf32, which is a mode of the whole process. */
export const usesTf32 = (recipe: Recipe): boolean =>
  trainedParts(recipe).some(([, { precision }]) => precision === 'tf32');

/** Why `threads` changes nothing on a backend, as a sentence; undefined if it does, or is not given. */
export const threadsNote = ({ threads }: Recipe, backend: string): string | undefined =>
  threads === 1 || backend === 'tensorflow'
    ? undefined
    : `threads is ${threads}, which changes nothing on ${backend}: only tensorflow has threads`;
