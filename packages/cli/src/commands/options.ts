// Options that several commands share, and how their values are read.
import { InvalidArgumentError, Option } from 'commander';
import { limits } from '@stillhouse/core';
import { backendNames } from '@stillhouse/worker/light';

/** A count, or auto. */
export const parseWorkers = (text: string): number | 'auto' => (text === 'auto' ? text : parseCount(text));

export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

export const collect = (value: string, previous: string[]): string[] => [...previous, value];

export const backendOption = (): Option =>
  new Option('--backend <name>', 'engine backend; auto takes the fastest one that trains every model of the recipe')
    .choices(backendNames)
    .default('auto');
export const setOption = (): Option =>
  new Option(
    '--set <key=value>',
    'change a value of the recipe, e.g. teacher.epochs=3 (null removes it); may be repeated',
  )
    .argParser(collect)
    .default([], 'none');
export const outOption = (): Option =>
  new Option('--out <folder>', 'run folder, which must not exist (default: runs/NAME-TIME)');
export const jsonOption = (what: string): Option => new Option('--json', `print ${what} as JSON`);

/** Seconds, not necessarily whole. */
export function parseSeconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

/** Seconds, or never. */
const parseInterval = (text: string): number => (text === 'never' ? Infinity : parseSeconds(text));

export const heartbeatOption = (whom: string): Option =>
  new Option(
    '--heartbeat-timeout <seconds>',
    `${whom} that says nothing for so long counts as lost; one micro-batch must not take longer`,
  )
    .argParser(parseSeconds)
    .default(limits.heartbeatTimeoutMs / 1000);
export const checkpointOption = (): Option =>
  new Option('--checkpoint-every <seconds>', 'time between checkpoints, or never')
    .argParser(parseInterval)
    .default(limits.checkpointEveryMs / 1000);
export const resumeOption = (): Option =>
  new Option('--resume <folder>', 'continue the run in this folder instead of a new one');
export const minWorkersOption = (): Option =>
  new Option('--min-workers <count>', 'training pauses while there are fewer workers').argParser(parseCount).default(1);
