// Logs as JSON lines (pino), written before the call returns so that nothing is lost when a process ends.
import { pino } from 'pino';

export type Log = (message: string, fields?: Record<string, unknown>) => void;

/** @param destination a file, or 1 for standard output */
export function createLog(destination: string | 1, name: string): Log {
  const logger = pino({ base: { pid: process.pid, name }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: destination, sync: true }));
  return (message, fields = {}) => logger.info(fields, message);
}
