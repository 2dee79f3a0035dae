// Logs as JSON lines (pino), written before the call returns so that nothing is lost when a process ends.
import { pino } from 'pino';

export type Log = (message: string, fields?: Record<string, unknown>) => void;

/** How much a log keeps while the disk is full; anything beyond is not logged. */
const keptBytes = 1024 * 1024;

/** @param destination a file, or 1 for standard output */
export function createLog(destination: string | 1, name: string): Log {
  const file = pino.destination({ dest: destination, sync: true, maxLength: keptBytes });
  // A full disk must not end the process; the run folder's writer reports it.
  file.on('error', () => {});
  const logger = pino({ base: { pid: process.pid, name }, timestamp: pino.stdTimeFunctions.isoTime }, file);
  return (message, fields = {}) => logger.info(fields, message);
}
