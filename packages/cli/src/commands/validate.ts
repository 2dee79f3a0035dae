// stillhouse validate: what a recipe would run, and what is refused.
import type { Command } from 'commander';
import {
  countOf,
  formatCount,
  phaseTitles,
  setTitles,
  StillhouseError,
  validate,
  type BackendName,
  type ErrorCode,
  type SetName,
  type ValidatedPhase,
  type Validation,
} from 'stillhouse';
import { backendOption, jsonOption, setOption } from '../options.js';
import { alignColumns } from '../table.js';
import { printLine, reportLine, withInterrupt } from '../terminal.js';

const counted = (count: number | undefined): string => (count === undefined ? '–' : formatCount(count));
/** Three digits of it would pretend to a precision that the estimate does not have. */
const bytesText = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

const phaseRow = ({ name, parameters, rows, batch, ranks, epochs, ...phase }: ValidatedPhase): string[] => [
  phaseTitles[name],
  ...[parameters, rows, batch, ranks, epochs, phase.stepsPerEpoch, phase.steps].map(counted),
  phase.memory ? bytesText(phase.memory.total) : '–',
];

function dataLines({ rows, inputShape, outputs }: NonNullable<Validation['data']>): string[] {
  return [
    alignColumns([
      ['set', 'rows'],
      ...Object.entries(rows).map(([name, count]) => [setTitles[name as SetName], counted(count)]),
    ]),
    `A row has ${inputShape.map(formatCount).join(' × ')} inputs; models have ${countOf(outputs, 'output')}.`,
    '',
  ];
}

/** A table without the columns of which nothing is known. */
const knownColumns = ([header, ...rows]: string[][]): string[][] => {
  const known = header.map((_, i) => rows.some((row) => row[i] !== '–'));
  return [header, ...rows].map((row) => row.filter((_, i) => known[i]));
};

function validationLines({ name, data, backend, phases, search, warnings }: Validation): string[] {
  const header = ['phase', 'parameters', 'rows', 'batch', 'ranks', 'epochs', 'steps per epoch', 'steps', 'memory'];
  return [
    ...(name === undefined ? [] : [`The recipe ${name} would run:`, '']),
    ...(data ? dataLines(data) : []),
    ...(phases.length > 0 ? [alignColumns(knownColumns([header, ...phases.map(phaseRow)]))] : []),
    ...phases.flatMap(({ name: phase, wire }) =>
      wire
        ? [
            `A gradient of the ${phase} travels as ${wire.format}, in ${bytesText(wire.bytes)} instead of ` +
              `${bytesText(wire.fp32Bytes)}.`,
          ]
        : [],
    ),
    ...(backend
      ? [
          'Memory is roughly what a worker needs besides its engine and blocks of data.',
          '',
          `Backend: ${backend.name} (${backend.reason})`,
        ]
      : []),
    ...(search ? [`Search: ${search.values.join(', ')}, by ${search.metric} on ${search.folds} folds`] : []),
    ...warnings.map((text) => `Warning: ${text}`),
  ];
}

export function addValidate(program: Command): void {
  program
    .command('validate <recipe>')
    .description(
      'Show what a recipe would run, on which rows, with how many parameters, steps and bytes, and what is refused; ' +
        'prepares its data, but trains nothing.',
    )
    .addOption(backendOption())
    .addOption(setOption())
    .addOption(jsonOption('what was found'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse validate recipe.yaml
  stillhouse validate recipe.yaml --set teacher.batch=256 --json`,
    )
    .action(async (path: string, options: { backend: BackendName; set: Record<string, unknown>; json?: true }) => {
      const { backend, set, json } = options;
      const validation = await withInterrupt((signal) => validate(path, { backend, set, signal }));
      if (json) printLine(JSON.stringify(validation));
      else validationLines(validation).forEach(printLine);
      const [first, ...others] = validation.refused;
      for (const { code, message } of others) reportLine(`stillhouse: also refused: ${code}: ${message}`);
      if (first)
        throw new StillhouseError(
          first.code as ErrorCode,
          first.message,
          first.next === undefined ? {} : { next: first.next },
        );
      if (!json) printLine('Nothing is refused.');
    });
}
