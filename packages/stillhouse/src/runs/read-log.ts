// The logs of a run: the coordinator's, and those of the workers that it started.
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { readRunRecord } from '@stillhouse/coordinator';
import { StillhouseError } from '@stillhouse/core';
import { z } from 'zod';

export interface LogLine {
  /** The line as it is in the file. */
  readonly raw: string;
  /** ISO time; undefined, like the others, if something else, such as an engine, wrote the line. */
  readonly at?: string;
  readonly message?: string;
  /** What the line says besides. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

const entry = z.looseObject({ time: z.string(), msg: z.string() });

/** A line of a log, which is JSON unless something else wrote it. */
export function parseLogLine(raw: string): LogLine {
  try {
    const { time, msg, level: _level, pid: _pid, name: _name, ...fields } = entry.parse(JSON.parse(raw));
    return { raw, at: time, message: msg, fields };
  } catch {
    return { raw };
  }
}

/**
 * Lines of a run's log, oldest first.
 * @param folder the run folder
 * @param options.worker number of a worker that the run started; by default the log is the coordinator's
 * @throws StillhouseError RUN_NOT_FOUND, USAGE if there is no such log
 */
export async function* readLog(
  folder: string,
  options: { readonly worker?: number | undefined } = {},
): AsyncGenerator<LogLine> {
  readRunRecord(folder);
  const logs = join(folder, 'logs');
  const name = options.worker === undefined ? 'coordinator' : `worker-${options.worker}`;
  const file = join(logs, `${name}.log`);
  if (!existsSync(file)) {
    const known = existsSync(logs) ? readdirSync(logs).filter((each) => each.endsWith('.log')) : [];
    throw new StillhouseError(
      'USAGE',
      `${folder} has no log of ${name}; it has ${known.map((each) => basename(each, '.log')).join(', ') || 'none'}`,
      { next: 'Workers of other machines log where they run: `stillhouse worker --log FILE`.' },
    );
  }
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity }))
    yield parseLogLine(line);
}
