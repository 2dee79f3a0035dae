// What a recipe needs beyond its schema: parts of it that do not go together.
import { knownLossOf, lossOf } from '../loss/losses.js';
import { metricsOf } from '../metric/metrics.js';
import { knownTermOf, optionsOf } from '../term/terms.js';
import { isTrained, type Recipe } from './schema.js';
import { hasTable, isMix, missingLabelsOf } from './source/sources.js';

type Fail = (message: string) => never;

/** What the data section needs beyond its schema. */
function checkData(recipe: Recipe, fail: Fail): void {
  const { large, small, pool, test, split, table } = recipe.data;
  const tables = Object.entries({ large, small, pool, test }).filter(([, source]) => source && hasTable(source));
  const [firstTable] = tables;
  if (firstTable && !table)
    fail(`data.table is missing: data.${firstTable[0]} is a table, so the target column must be named`);
  if (!test && !split?.test)
    fail('data.test is missing: give it, or hold a share of the large set out with data.split.test');
  if (test && split?.test) fail('data.split.test and data.test are both given: the test set comes from one of them');
  const { sampling } = recipe.data;
  if (sampling?.weights !== undefined && tables.length === 0)
    fail('data.sampling.weights names a column, and no set is a table');
  if (
    [sampling?.classes, sampling?.weights, isMix(large) ? large : undefined].filter((each) => each !== undefined)
      .length > 1
  )
    fail(
      'data.sampling.classes, data.sampling.weights and data.large.mix each say how rows are drawn: give one of them',
    );
  if (sampling && !isMix(large) && sampling.classes === undefined && sampling.weights === undefined)
    fail('data.sampling draws by classes, by weights, or from a mix: give one of them');
  if (sampling?.classes !== undefined && lossOf(recipe.loss).labels === 'numbers')
    fail(`data.sampling.classes is given, and ${lossOf(recipe.loss).name} has no classes`);
  const mixed = Object.entries({ small, pool, test }).find(([, source]) => source && isMix(source));
  if (mixed) fail(`data.${mixed[0]} is a mix: only the large set can be one`);
  if (split?.by !== undefined && tables.length === 0) fail('data.split.by names a column, and no set is a table');
  for (const [name, source] of Object.entries({ large, small, test }))
    for (const path of source ? missingLabelsOf(source) : [])
      fail(`data.${name}${path} is missing: only data.pool has rows without labels`);
  const drawn = (['perClass', 'classes'] as const).find((key) => pool?.[key] !== undefined);
  if (drawn) fail(`data.pool.${drawn} is given: the rows of a pool have no labels to draw by`);
  recipe.distill?.transfer.forEach(({ from }, i) => {
    if (from === 'pool' && !pool) fail(`data.pool is missing: distill.transfer[${i}] takes rows from it`);
  });
}

/** What the distill section needs. */
function checkDistill({ distill, loss: config, student }: Recipe, fail: Fail): void {
  if (!distill) return;
  if (!student) return fail('student is missing: distill needs one');
  const loss = lossOf(config);
  const { labels } = loss;
  const rows = student.batch * distill.transfer.reduce((sum, each) => sum + each.rows, 1);
  distill.terms.forEach((term, i) => {
    const refusal = knownTermOf(term)?.refusal?.(optionsOf(term), { loss, rows, epochs: student.epochs });
    if (refusal !== undefined) fail(`distill.terms[${i}]${refusal}`);
  });
  const { calibrate, copy, correctBiases, rejectBeyond, terms, transfer } = distill;
  if (rejectBeyond !== undefined && labels !== 'numbers')
    fail(`distill.rejectBeyond is for regression, and the loss is ${loss.name}`);
  if (calibrate && labels === 'numbers') fail(`distill.calibrate divides logits, and ${loss.name} has none`);
  if (correctBiases && labels !== 'class')
    fail(`distill.correctBiases is for classes that exclude each other, and the loss is ${loss.name}`);
  if (terms.length > 0 && terms.every(({ weight }) => weight === 0))
    fail('distill.terms have no weight: the student would learn nothing from its teacher');
  if (terms.length > 0) return;
  if (!copy)
    fail('distill.terms is empty, and distill.copy is not given: the student would learn nothing from its teacher');
  const needs = Object.entries({
    calibrate,
    correctBiases,
    rejectBeyond: rejectBeyond !== undefined,
    transfer: transfer.length > 0,
  }).find(([, isGiven]) => isGiven);
  if (needs)
    fail(`distill.${needs[0]} is given, and distill.terms is empty: only terms learn from what a teacher says`);
}

/** What the teacher and student sections need. */
function checkModels(recipe: Recipe, fail: Fail): void {
  const { student, teacher } = recipe;
  const loss = lossOf(recipe.loss);
  const { labels } = loss;
  const known = metricsOf(loss);
  if (student && !recipe.data.small) fail('data.small is missing: the student is trained on it');
  if (!isTrained(teacher)) {
    if (!student) fail('student is missing: a teacher that is there already has nobody to teach');
    if (teacher.outputs === 'probabilities' && labels === 'numbers')
      fail(`teacher.outputs is probabilities, and ${loss.name} has none`);
  } else {
    if (teacher.temperature !== 1 && labels === 'numbers')
      fail(`teacher.temperature is ${teacher.temperature}: it divides logits, and ${loss.name} has none`);
    if (teacher.batch < recipe.ranks)
      fail(`teacher.batch is ${teacher.batch}, less than ranks (${recipe.ranks}): some rank would never have a row`);
  }
  for (const [name, part] of [
    ['teacher', isTrained(teacher) ? teacher : undefined],
    ['student', student],
  ] as const) {
    if (!part) continue;
    const { earlyStopping, epochs, prune, validation } = part;
    if (earlyStopping && validation === 0) fail(`${name}.validation is 0: earlyStopping needs rows to watch`);
    if (earlyStopping && !known.includes(earlyStopping.metric))
      fail(
        `${name}.earlyStopping.metric is ${earlyStopping.metric}, which ${loss.name} does not have; it has ` +
          `${known.join(', ')}`,
      );
    if (!prune) continue;
    if (prune.to < prune.from) fail(`${name}.prune.to is ${prune.to}, before prune.from (${prune.from})`);
    if (prune.to >= epochs)
      fail(
        `${name}.prune.to is ${prune.to}, and the last of ${epochs} epochs is ${epochs - 1}: the model would ` +
          'not be as sparse as it is to be',
      );
    if (earlyStopping)
      fail(
        `${name}.earlyStopping could end training, or go back, to where the model is not yet pruned: leave it ` +
          'or prune out',
      );
  }
}

/** What classes and metrics need of the loss. */
function checkLoss({ data, loss: config, metrics }: Recipe, fail: Fail): void {
  const classed = Object.entries(data).find(([, source]) => source && 'classes' in source && source.classes);
  const loss = lossOf(config);
  const known = metricsOf(loss);
  if (classed && loss.labels === 'numbers') fail(`data.${classed[0]}.classes is given, and ${loss.name} has none`);
  const wrong = metrics?.find((name) => !known.includes(name));
  if (wrong) fail(`metrics names ${wrong}, which ${loss.name} does not have; it has ${known.join(', ')}`);
}

/**
 * What needs to know a loss or term that is a module's waits until it is open.
 * @param fail throws; is given the first part that does not fit
 */
export function checkRecipe(recipe: Recipe, fail: Fail): void {
  if (!knownLossOf(recipe.loss)) return;
  for (const check of [checkData, checkDistill, checkModels, checkLoss]) check(recipe, fail);
}
