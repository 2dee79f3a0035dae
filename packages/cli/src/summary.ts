// The table at the end of a run: teacher, student, and the same student trained without a teacher.
import {
  baselineNote,
  formatCount,
  formatNumber,
  modelSummaries,
  parseRecipe,
  phaseTitles,
  shownMetrics,
  targetMetrics,
  teacherTestOf,
  type RunRecord,
  type RunResult,
} from 'stillhouse';
import { modelsTable } from './models-table.js';
import { alignColumns } from './table.js';
import { printLine } from './terminal.js';

function calibrationNote({ student }: RunRecord): string[] {
  if (!student?.calibration) return [];
  const { temperature, rows, before, after } = student.calibration;
  return [
    `The teacher was calibrated on ${formatCount(rows)} rows: its logits were divided by ` +
      `${formatNumber(temperature)}, which took its calibration error from ${formatNumber(before.ece)} to ` +
      `${formatNumber(after.ece)}.`,
  ];
}

/** Explains the teacher's numbers if they could be misread. */
function teacherNote(record: RunRecord): string[] {
  const teacher = teacherTestOf(record);
  const [known, all] = [teacher?.rows, record.dataset.rows['test']];
  if (known !== undefined && known < all)
    return [
      `The teacher was tested on ${formatCount(known)} of the ${formatCount(all)} test rows: those of the classes ` +
        'that it knows.',
    ];
  const r2 = teacher?.r2;
  if (typeof r2 === 'number' && r2 <= 0)
    return [
      `The teacher's test R² is ${formatNumber(r2)}, not above 0: it predicts no better than the mean. Either it ` +
        'was not trained well enough, or these inputs say nothing about the labels.',
    ];
  return [];
}

/** The metrics of each target if there are several, and what those of all are. */
export function printTargets(...[models, recipe]: Parameters<typeof targetMetrics>): void {
  const found = targetMetrics(models, recipe);
  if (found) printLine(`${alignColumns(found.rows, ['left', 'left'])}\n\n${found.note}\n`);
}

export function printResult({ record, folder }: RunResult, json: boolean): void {
  if (json) return printLine(JSON.stringify({ ...record, folder }));
  const recipe = parseRecipe(record.recipe);
  const models = modelSummaries(record);
  printLine(`\n${modelsTable(models, shownMetrics(recipe))}\n`);
  printTargets(
    models.map(({ name, test }) => [phaseTitles[name], test]),
    recipe,
  );
  for (const note of [...calibrationNote(record), ...baselineNote(record), ...teacherNote(record)]) printLine(note);
  printLine(`Written to ${folder}`);
}
