// Checks beyond the schema: parts of a recipe that conflict with each other.
import { lossOf } from '../loss/losses.js';
import { builtInMetric } from '../metric/built-in.js';
import { metricNameOf, metricsOf } from '../metric/metrics.js';
import { optionsOf, termOf } from '../term/terms.js';
import { checkBaseline } from './baseline-config.js';
import { embeddingOf, isShaping } from './model.js';
import { formatPath } from './path.js';
import { isTrained, type Recipe, type TrainingConfig } from './schema.js';
import { hasTable, isMix, missingLabelsOf } from './source/sources.js';

type Fail = (message: string) => never;

/** Checks of the data section beyond its schema. */
function checkData(recipe: Recipe, fail: Fail): void {
  const { large, small, pool, test, split, table } = recipe.data;
  const tables = Object.entries({ large, small, pool, test }).filter(([, source]) => source && hasTable(source));
  const [firstTable] = tables;
  if (firstTable && !table)
    fail(`data.table is missing: data.${firstTable[0]} is a table, so the target column must be named`);
  if (!test && !split?.test)
    fail('data.test is missing: give it, or hold out a share of the large set with data.split.test');
  if (test && split?.test) fail('data.split.test and data.test are both given: the test set comes from one of them');
  const { sampling } = recipe.data;
  if (sampling?.weights !== undefined && tables.length === 0)
    fail('data.sampling.weights names a column, but no set is a table');
  if (
    [sampling?.classes, sampling?.weights, isMix(large) ? large : undefined].filter((each) => each !== undefined)
      .length > 1
  )
    fail(
      'data.sampling.classes, data.sampling.weights and data.large.mix each define how rows are drawn: give only ' +
        'one of them',
    );
  if (sampling && !isMix(large) && sampling.classes === undefined && sampling.weights === undefined)
    fail('data.sampling draws by classes, by weights, or from a mix: give one of them');
  if (sampling?.classes !== undefined && lossOf(recipe.loss).labels === 'numbers')
    fail(`data.sampling.classes is given, but ${lossOf(recipe.loss).name} has no classes`);
  const mixed = Object.entries({ small, pool, test }).find(([, source]) => source && isMix(source));
  if (mixed) fail(`data.${mixed[0]} is a mix: only the large set can be one`);
  if (split?.by !== undefined && tables.length === 0) fail('data.split.by names a column, but no set is a table');
  for (const [name, source] of Object.entries({ large, small, test }))
    for (const path of source ? missingLabelsOf(source) : [])
      fail(`data.${name}${path} is missing: only data.pool has rows without labels`);
  const drawn = (['perClass', 'classes'] as const).find((key) => pool?.[key] !== undefined);
  if (drawn) fail(`data.pool.${drawn} is given: the rows of a pool have no labels`);
  recipe.distill?.transfer.forEach(({ from }, i) => {
    if (from === 'pool' && !pool) fail(`data.pool is missing: distill.transfer[${i}] takes rows from it`);
  });
}

/** tf32 is a mode of the process that trains all of them. */
function checkPrecision({ teacher, student }: Recipe, fail: Fail): void {
  if (!student || !isTrained(teacher) || student.precision === teacher.precision) return;
  if ([teacher.precision, student.precision].includes('tf32'))
    fail(
      `teacher.precision is ${teacher.precision} and student.precision is ${student.precision}: tf32 is for both or ` +
        'for none',
    );
}

/** Checks of what the data section says about targets. */
function checkTargets({ data: { table, targetTransform }, loss: config }: Recipe, fail: Fail): void {
  const loss = lossOf(config);
  const targets = table ? [table.target].flat() : undefined;
  if (targetTransform !== undefined && loss.labels !== 'numbers')
    fail(`data.targetTransform is for regression, but the loss is ${loss.name}`);
  if (targets && Array.isArray(targetTransform) && targetTransform.length !== targets.length)
    fail(
      `data.targetTransform names ${targetTransform.length} transforms, but data.table.target names ` +
        `${targets.length} ${targets.length === 1 ? 'column' : 'columns'}`,
    );
  const twice = targets?.find((name, i) => targets.indexOf(name) !== i);
  if (twice !== undefined) fail(`data.table.target names ${JSON.stringify(twice)} twice`);
  // That a target is a number, or a category, is what the loss takes it for.
  const kind = loss.labels === 'numbers' ? 'number' : 'category';
  const declared = targets?.find((name) => Object.hasOwn(table!.columns, name) && table!.columns[name] !== kind);
  if (declared !== undefined)
    fail(
      `${formatPath(['data', 'table', 'columns', declared])} is given, but ${JSON.stringify(declared)} is the ` +
        'target, and columns are inputs: ' +
        (kind === 'number' ? 'data.targetTransform transforms a target' : 'leave it out'),
    );
}

/** Checks that rows of a mix are not selected source by source, which nothing does. */
function checkMix({ data: { large } }: Recipe, fail: Fail): void {
  if (!isMix(large)) return;
  large.mix.forEach(({ source }, i) => {
    const key = (['take', 'perClass', 'classes'] as const).find((each) => source[each] !== undefined);
    if (key)
      fail(
        `data.large.mix[${i}].source.${key} is given, but the rows of a mix are selected together: give ` +
          `data.large.${key}, or select rows with a sql source`,
      );
  });
}

/** Checks of the distill section. */
function checkDistill({ distill, loss: config, student }: Recipe, fail: Fail): void {
  if (!distill) return;
  if (!student) return fail('student is missing: distill needs one');
  const loss = lossOf(config);
  const { labels } = loss;
  const rows = student.batch * distill.transfer.reduce((sum, each) => sum + each.rows, 1);
  distill.terms.forEach((term, i) => {
    const refusal = termOf(term).refusal?.(optionsOf(term), { loss, rows, epochs: student.epochs });
    if (refusal !== undefined) fail(`distill.terms[${i}]${refusal}`);
  });
  const { calibrate, copy, correctBiases, rejectBeyond, terms, transfer } = distill;
  if (rejectBeyond !== undefined && labels !== 'numbers')
    fail(`distill.rejectBeyond is for regression, but the loss is ${loss.name}`);
  if (calibrate && labels === 'numbers') fail(`distill.calibrate divides logits, but ${loss.name} has none`);
  if (correctBiases && labels !== 'class')
    fail(`distill.correctBiases is for classes that exclude each other, but the loss is ${loss.name}`);
  if (terms.length > 0 && terms.every(({ weight }) => weight === 0))
    fail('distill.terms have no weight: the student would learn nothing from its teacher');
  if (terms.length > 0) return;
  if (!copy)
    fail('distill.terms is empty and distill.copy is not given: the student would learn nothing from its teacher');
  const needs = Object.entries({
    calibrate,
    correctBiases,
    rejectBeyond: rejectBeyond !== undefined,
    transfer: transfer.length > 0,
  }).find(([, isGiven]) => isGiven);
  if (needs)
    fail(`distill.${needs[0]} is given, but distill.terms is empty: only terms learn from a teacher's outputs`);
}

/** Checks of a model's embeddings: whole numbers come only from the data. */
function checkEmbedding(part: 'teacher' | 'student', { model, augment }: TrainingConfig, fail: Fail): void {
  if (!('layers' in model)) return;
  const first = model.layers.findIndex((each) => !isShaping(each));
  const late = model.layers.findIndex((each, i) => i > first && typeof each === 'object' && 'embedding' in each);
  if (late >= 0)
    fail(
      `${part}.model.layers[${late}].embedding takes whole numbers, which the layer before it does not output: only ` +
        'flatten and reshape can come before it',
    );
  if (augment?.mixup !== undefined && embeddingOf(model))
    fail(`${part}.augment.mixup blends numbers, but the embedding in ${part}.model takes whole numbers`);
}

/** Checks of the teacher and student sections. */
function checkModels(recipe: Recipe, fail: Fail): void {
  const { student, teacher } = recipe;
  const loss = lossOf(recipe.loss);
  const { labels } = loss;
  const known = metricsOf(loss);
  if (student && !recipe.data.small) fail('data.small is missing: the student is trained on it');
  if (!isTrained(teacher)) {
    if (!student) fail('student is missing: a pretrained teacher has no student to teach');
    if (teacher.outputs === 'probabilities' && labels === 'numbers')
      fail(`teacher.outputs is probabilities, but ${loss.name} has none`);
  } else {
    if (teacher.temperature !== 1 && labels === 'numbers')
      fail(`teacher.temperature is ${teacher.temperature}: it divides logits, but ${loss.name} has none`);
    if (teacher.batch < recipe.ranks)
      fail(`teacher.batch is ${teacher.batch}, less than ranks (${recipe.ranks}): some rank would never have a row`);
  }
  for (const [name, part] of [
    ['teacher', isTrained(teacher) ? teacher : undefined],
    ['student', student],
  ] as const) {
    if (!part) continue;
    checkEmbedding(name, part, fail);
    const { earlyStopping, epochs, prune, validation } = part;
    if (earlyStopping && validation === 0) fail(`${name}.validation is 0: earlyStopping needs validation rows`);
    if (earlyStopping && !known.includes(earlyStopping.metric))
      fail(
        `${name}.earlyStopping.metric is ${earlyStopping.metric}, which ${loss.name} does not have; it has ` +
          `${known.join(', ')}`,
      );
    if (!prune) continue;
    if (prune.to < prune.from) fail(`${name}.prune.to is ${prune.to}, before prune.from (${prune.from})`);
    if (prune.to >= epochs)
      fail(
        `${name}.prune.to is ${prune.to}, but the last of ${epochs} epochs is ${epochs - 1}: the model would ` +
          'not reach its sparsity',
      );
    if (earlyStopping)
      fail(
        `${name}.earlyStopping could end at, or return to, an epoch in which the model is not fully pruned: ` +
          'leave out earlyStopping or prune',
      );
  }
}

/** Checks of local steps: only ranks that train have them, and they must agree on the model's shape. */
function checkSync({ sync, teacher }: Recipe, fail: Fail): void {
  if (!sync) return;
  if (!isTrained(teacher))
    return fail('sync is given, but the teacher is pretrained: only ranks that train a teacher exchange anything');
  if (teacher.prune)
    fail('sync and teacher.prune are both given: ranks would keep other weights at 0; leave out one of them');
}

/** Checks of classes against the loss. */
function checkLoss({ data, loss: config }: Recipe, fail: Fail): void {
  const { large, small, pool, test } = data;
  const classed = Object.entries({ large, small, pool, test }).find(([, source]) => source?.classes);
  const loss = lossOf(config);
  if (classed && loss.labels === 'numbers') fail(`data.${classed[0]}.classes is given, but ${loss.name} has none`);
}

/** Checks of metrics against the loss and each other. */
function checkMetrics({ loss: config, metrics = [] }: Recipe, fail: Fail): void {
  const loss = lossOf(config);
  const known: readonly string[] = metricsOf(loss);
  const wrong = metrics.filter((each) => typeof each === 'string').find((name) => !known.includes(name));
  if (wrong) fail(`metrics names ${wrong}, which ${loss.name} does not have; it has ${known.join(', ')}`);
  const own = metrics.flatMap((each) => (typeof each === 'string' ? [] : metricNameOf(each)));
  const taken = own.find((name, i) => builtInMetric(name) || name === 'rows' || own.indexOf(name) !== i);
  if (taken) fail(`metrics has a module that defines ${taken}, but another metric already has that name`);
}

/**
 * @param recipe whose modules are open
 * @param fail throws; called with the first conflict
 */
export function checkRecipe(recipe: Recipe, fail: Fail): void {
  for (const check of [
    checkData,
    checkTargets,
    checkPrecision,
    checkMix,
    checkDistill,
    checkModels,
    checkSync,
    checkBaseline,
    checkLoss,
    checkMetrics,
  ])
    check(recipe, fail);
}
