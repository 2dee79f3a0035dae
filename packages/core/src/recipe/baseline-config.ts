// How the baseline is trained, from the recipe, and whether that is searched for first.
import { parsePath, valueAt, withValueAt } from './path.js';
import type { Recipe, TrainingConfig } from './schema.js';

/** Whether a run chooses for how many epochs the baseline trains; early stopping chooses by itself. */
export const choosesBaseline = ({ student, baseline }: Recipe): boolean =>
  student !== undefined && student.earlyStopping === undefined && baseline?.epochs === 'crossValidation';

/** Whether a search comes before the student is trained: of its own values, or of the baseline's. */
export const searches = (recipe: Recipe): boolean => recipe.distill?.tune !== undefined || choosesBaseline(recipe);

/** How the baseline is trained, for as many epochs as its learning rate's schedule has. */
export function baselineConfig(recipe: Recipe): TrainingConfig {
  const changed = Object.entries(recipe.baseline?.values ?? {}).reduce<unknown>(
    (all, [path, value]) => withValueAt(all, parsePath(path), value),
    recipe,
  );
  return (changed as Recipe).student!;
}

/** Epochs that the baseline trains for: as many as the student if that is not chosen yet. */
export const baselineEpochs = ({ student, baseline }: Recipe): number =>
  typeof baseline?.epochs === 'number' ? baseline.epochs : student!.epochs;

/** @param fail throws; called with the first conflict */
export function checkBaseline(recipe: Recipe, fail: (message: string) => never): void {
  const { baseline, student } = recipe;
  if (!baseline) return;
  if (!student) return fail('student is missing: the baseline is the student without a teacher');
  const { epochs, values = {} } = baseline;
  if (typeof epochs === 'number' && epochs > student.epochs)
    fail(`baseline.epochs is ${epochs}, more than student.epochs (${student.epochs})`);
  if (typeof epochs === 'number' && student.prune && epochs <= student.prune.to)
    fail(
      `baseline.epochs is ${epochs}, but student.prune.to is ${student.prune.to}: the baseline would not reach its ` +
        'sparsity',
    );
  const wrong = Object.keys(values).find(
    (path) => !path.startsWith('student.') || typeof valueAt(recipe, parsePath(path)) !== 'number',
  );
  if (wrong !== undefined) fail(`baseline.values names ${wrong}, which is not a number of student`);
}
