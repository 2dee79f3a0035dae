// The table at the end of a run: teacher, student, and the same student trained without a teacher.
import {
  formatCount,
  parseRecipe,
  phaseNames,
  phaseTitles,
  shownMetrics,
  teacherTestOf,
  type Metrics,
  type RunRecord,
  type RunResult,
} from 'stillhouse';
import { printLine } from './terminal.js';
import { alignColumns, formatTest } from './table.js';

function summaryTable(record: RunRecord): string {
  const metrics = shownMetrics(parseRecipe(record.recipe));
  const header = ['', 'parameters', 'bytes', ...metrics.map((name) => `test ${name}`), 'time'];
  const rows = phaseNames.flatMap((name) => {
    const phase = record[name];
    const test = name === 'teacher' ? teacherTestOf(record) : (phase?.test as Metrics | undefined);
    if (!test) return [];
    const size = phase ? [formatCount(phase.parameters), formatCount(phase.bytes)] : ['–', '–'];
    const time = phase ? `${phase.seconds.toFixed(1)} s` : '–';
    return [[phaseTitles[name], ...size, ...metrics.map((metric) => formatTest(test, metric)), time]];
  });
  return alignColumns([header, ...rows]);
}

function calibrationNote({ student }: RunRecord): string[] {
  if (!student?.calibration) return [];
  const { temperature, rows, before, after } = student.calibration;
  return [
    `The teacher was calibrated on ${formatCount(rows)} rows: its logits were divided by ` +
      `${temperature.toPrecision(3)}, which took its calibration error from ${before.ece.toFixed(4)} to ` +
      `${after.ece.toFixed(4)}.`,
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
      `The teacher's test R² is ${r2.toFixed(4)}, not above 0: it predicts no better than the mean. Either it ` +
        'was not trained well enough, or these inputs say nothing about the labels.',
    ];
  return [];
}

export function printResult({ record, folder }: RunResult, json: boolean): void {
  if (json) return printLine(JSON.stringify({ ...record, folder }));
  printLine(`\n${summaryTable(record)}\n`);
  for (const note of [...calibrationNote(record), ...teacherNote(record)]) printLine(note);
  printLine(`Written to ${folder}`);
}
