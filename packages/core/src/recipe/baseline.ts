// The baseline: the student without a teacher. For how many epochs it trains, and what else it has of its own.
import { z } from 'zod';
import { count } from './fields.js';
import { parsePath, valueAt, withValueAt } from './path.js';
import type { Recipe, TrainingConfig } from './schema.js';

export const baselineSchema = z
  .strictObject({
    epochs: z
      .union([z.enum(['crossValidation', 'student']), count(1e6)])
      .default('crossValidation')
      .describe(
        'crossValidation: the number of epochs, up to the student’s, that is best by cross-validation on the small ' +
          'set; if the recipe tunes the student, the baseline is tuned with the same budget. student: as many as the ' +
          'student. A run chooses crossValidation if this is not given.',
      ),
    values: z
      .record(z.string(), z.number())
      .optional()
      .describe('Numbers in which it differs from the student, by path, such as student.optimizer.learningRate.'),
  })
  .describe('The student without a teacher, which distillation is compared with.');

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
