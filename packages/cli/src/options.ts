// Options that several commands share, and how their values are parsed.
import { InvalidArgumentError, Option } from 'commander';
import { backendNames, defaults, StillhouseError, type SweepAxis } from 'stillhouse';
import type { Verbosity } from './progress.js';
import { parseDocument } from 'yaml';

/** A count, or auto. */
export const parseWorkers = (text: string): number | 'auto' => (text === 'auto' ? text : parseCount(text));

export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

/** @throws StillhouseError USAGE if the text is not YAML */
function yamlOf(text: string, argument: string): unknown {
  const document = parseDocument(text, { prettyErrors: false });
  const problem = document.errors[0] ?? document.warnings[0];
  try {
    if (problem) throw problem;
    const value = document.toJS() as unknown;
    // JSON cannot write what contains itself.
    JSON.stringify(value);
    return value;
  } catch (cause) {
    const reason = cause instanceof TypeError ? 'an alias names what contains it' : (cause as Error).message;
    throw new StillhouseError('USAGE', `${argument} has a value that is not YAML: ${reason}`, { cause });
  }
}

/** Adds the value of `key=value` to the previous ones; the value is YAML. */
function parseSetting(text: string, previous: Record<string, unknown>): Record<string, unknown> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new StillhouseError('USAGE', `--set ${text} does not have the form key=value`);
  const value = text.slice(equals + 1);
  if (value.trim() === '')
    throw new StillhouseError('USAGE', `--set ${text} has no value`, {
      next: 'Give one after the equals sign; null removes the key, and \'""\' is an empty text.',
    });
  return { ...previous, [text.slice(0, equals)]: yamlOf(value, `--set ${text}`) };
}

/**
 * Adds an axis from `path=1,10,100` or `path=[1, 10]` to the previous ones.
 * @throws StillhouseError USAGE
 */
export function parseAxis(text: string, previous: readonly SweepAxis[]): SweepAxis[] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new StillhouseError('USAGE', `--vary ${text} does not have the form path=value,value,…`);
  const list = text.slice(equals + 1).trim();
  const values = yamlOf(list.startsWith('[') ? list : `[${list}]`, `--vary ${text}`);
  if (!Array.isArray(values) || values.length === 0) throw new StillhouseError('USAGE', `--vary ${text} has no values`);
  const texts = values.map((value) => JSON.stringify(value));
  const twice = texts.find((value, i) => texts.indexOf(value) < i);
  if (twice !== undefined)
    throw new StillhouseError('USAGE', `--vary ${text} has the value ${twice} twice`, {
      next: 'Give each value once.',
    });
  return [...previous, { path: text.slice(0, equals), values }];
}

export const backendOption = (): Option =>
  new Option('--backend <name>', 'engine backend; auto takes the fastest one that trains every model of the recipe')
    .choices(backendNames)
    .default('auto');
export const setOption = (): Option =>
  new Option(
    '--set <key=value>',
    'change a value of the recipe, e.g. teacher.epochs=3 (null removes it); may be repeated',
  )
    .argParser(parseSetting)
    .default({}, 'none');
export const modelOption = (which: string): Option =>
  new Option('--model <name>', `${which} (default: student, or else teacher)`).choices([
    'teacher',
    'student',
    'baseline',
  ]);
export const recipeFolderOption = (): Option =>
  new Option('--recipe-folder <folder>', 'folder that the paths in the recipe are relative to, if it has moved');
/** One character, or a tab as \\t. */
function parseDelimiter(text: string): string {
  const delimiter = text === '\\t' ? '\t' : text;
  if (delimiter.length !== 1) throw new InvalidArgumentError('It must be one character, such as ; or \\t for a tab.');
  return delimiter;
}

export const delimiterOption = (): Option =>
  new Option('--delimiter <character>', 'between the cells of CSV (default: that of the recipe)').argParser(
    parseDelimiter,
  );
export const outOption = (): Option =>
  new Option('--out <folder>', 'run folder, which must not exist yet (default: runs/NAME-TIME)');
export const jsonOption = (what: string): Option => new Option('--json', `print ${what} as JSON`);

/** Seconds, not necessarily whole. */
export function parseSeconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

/** Seconds, or never. */
const parseInterval = (text: string): number => (text === 'never' ? Infinity : parseSeconds(text));

export const networkOption = (): Option =>
  new Option(
    '--network <cidr|name>',
    'network over which workers reach each other: a range such as 10.0.0.0/16, or an interface such as eth1',
  );
export const heartbeatOption = (whom: string): Option =>
  new Option('--heartbeat-timeout <seconds>', `${whom} that sends no heartbeat for this long counts as lost`)
    .argParser(parseSeconds)
    .default(defaults.heartbeatTimeoutMs / 1000);
export const checkpointOption = (): Option =>
  new Option('--checkpoint-every <seconds>', 'time between checkpoints, or never')
    .argParser(parseInterval)
    .default(defaults.checkpointEveryMs / 1000);
export const resumeOption = (): Option =>
  new Option('--resume <folder>', 'continue the run in this folder instead of a new one');
export const takeOverOption = (): Option =>
  new Option('--take-over', 'with --resume: also from a process of this machine that is still at work on the run');
export const minWorkersOption = (): Option =>
  new Option('--min-workers <count>', 'training pauses while there are fewer workers').argParser(parseCount).default(1);

/** Options of commands that tell how they get on. */
export const quietOption = (): Option =>
  new Option('--quiet', 'print only results, warnings and errors').conflicts('verbose');
export const verboseOption = (): Option =>
  new Option('--verbose', 'also print each epoch, checkpoint and change of membership').conflicts('quiet');
export const verbosityOf = ({ quiet, verbose }: { quiet?: true; verbose?: true }): Verbosity =>
  quiet ? 'quiet' : verbose ? 'verbose' : 'normal';

export interface TimingOptions {
  readonly heartbeatTimeout: number;
  readonly checkpointEvery: number;
}

/** What the library calls them. */
export const timingsOf = ({
  heartbeatTimeout,
  checkpointEvery,
}: TimingOptions): { heartbeatTimeoutMs: number; checkpointEveryMs: number } => ({
  heartbeatTimeoutMs: heartbeatTimeout * 1000,
  checkpointEveryMs: checkpointEvery * 1000,
});
