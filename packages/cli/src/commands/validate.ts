// stillhouse validate: what a recipe would run, and what is refused.
import type { Command } from 'commander';
import {
  countOf,
  formatCount,
  formatSeconds,
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
/** Three digits of these would pretend to a precision that the estimates do not have. */
const bytesText = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

const aboutTime = (seconds: number): string => {
  const rounded = Number(seconds.toPrecision(2));
  return `about ${rounded < 60 ? `${rounded} s` : formatSeconds(rounded)}`;
};

const phaseRow = ({ name, parameters, rows, batch, ranks, epochs, ...phase }: ValidatedPhase): string[] => [
  phaseTitles[name],
  ...[parameters, rows, batch, ranks, epochs, phase.stepsPerEpoch, phase.steps, phase.rounds].map(counted),
  phase.memory ? bytesText(phase.memory.total) : '–',
  phase.time ? aboutTime(phase.time.seconds) : '–',
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

/** What the times stand for, and what they leave out. */
function timeLines({ phases, search, backend }: Validation): string[] {
  const counts = phases.flatMap(({ time }) => (time ? [time.timedSteps] : []));
  if (counts.length === 0) return [];
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const steps = least === most ? countOf(least, 'step') : `${least} to ${countOf(most, 'step')}`;
  const total = phases.reduce((sum, { time }) => sum + (time?.seconds ?? 0), 0);
  const leftOut = [
    'preparing data, starting workers, their exchange, checkpoints',
    ...(search ? ['the search, each of whose trials trains a student once per fold'] : []),
    ...(phases.some(({ name }) => name === 'baseline') ? ['the cross-validation of the baseline'] : []),
  ];
  return [
    `Time is an estimate, ${aboutTime(total)} in all: every epoch at the speed of ${steps} per phase, timed on ` +
      `one worker of this machine with ${backend!.name}. It leaves out: ${leftOut.join('; ')}.`,
  ];
}

function validationLines(path: string, validation: Validation): string[] {
  const { name, data, backend, phases, search, warnings } = validation;
  const header = [
    'phase',
    'parameters',
    'rows',
    'batch',
    'ranks',
    'epochs',
    'steps per epoch',
    'steps',
    'exchanges',
    'memory',
    'time',
  ];
  return [
    ...(name === undefined ? [] : [`${path} would run:`, '']),
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
          ...timeLines(validation),
          '',
          `Backend: ${backend.name} (${backend.reason})`,
        ]
      : []),
    ...(search ? [`Search: ${search.values.join(', ')}, by ${search.metric} on ${search.folds} folds`] : []),
    ...warnings.map((text) => `Warning: ${text}`),
  ];
}

interface ValidateCommandOptions {
  readonly backend: BackendName;
  readonly set: Record<string, unknown>;
  readonly time: boolean;
  readonly json?: true;
}

export function addValidate(program: Command): void {
  program
    .command('validate <recipe>')
    .description(
      'Show what a recipe would run, on which rows, with how many parameters, steps and bytes, for about how long, ' +
        'and what is refused; prepares its data, and times a few steps.',
    )
    .addOption(backendOption())
    .addOption(setOption())
    .option('--no-time', 'time no steps')
    .addOption(jsonOption('what was found'))
    .addHelpText(
      'after',
      `
Examples:
  stillhouse validate recipe.yaml
  stillhouse validate recipe.yaml --set teacher.batch=256 --json`,
    )
    .action(async (path: string, { json, ...options }: ValidateCommandOptions) => {
      const validation = await withInterrupt((signal) => validate(path, { ...options, signal }));
      if (json) printLine(JSON.stringify(validation));
      else validationLines(path, validation).forEach(printLine);
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
