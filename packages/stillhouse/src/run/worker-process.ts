// The program of a worker's process: takes part in one run, and ends when the run does. SIGTERM makes it hand over and
// leave.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { MessageChannel, Worker } from 'node:worker_threads';
import { exitCodes, fromErrorRecord, StillhouseError, toErrorRecord, withoutRefusal } from '@stillhouse/core';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { localEngine, serveEngine, tfjsEngine } from '@stillhouse/worker';
import { localAddresses } from './local-addresses.js';
import { createLog, type Log } from './logger.js';
import type { FromLinkThread, LinkThreadData } from './link-thread.js';
import { ThreadedUploader } from './threaded-uploader.js';
import { programs } from '../programs.js';
import { version } from '../version.js';
import { parseSettings, type FromWorker } from './worker-settings.js';

const settings = parseSettings(process.argv[2] ?? '');
/**
 * A process that `work` started reports to it; a process of `run` logs to its standard output, which is its log file.
 */
const isWatched = process.send !== undefined;

const report = (message: FromWorker): Promise<void> =>
  new Promise((resolve) => (process.connected ? process.send!(message, undefined, {}, () => resolve()) : resolve()));

function logOf(): Log {
  const toFile = settings.logFile === undefined ? undefined : createLog(settings.logFile, 'worker');
  if (!isWatched) return toFile ?? createLog(1, 'worker');
  return (message, fields) => {
    toFile?.(message, fields);
    void report({ type: 'log', message, ...(fields ? { fields } : {}) });
  };
}

async function work(log: Log): Promise<void> {
  const { port1: engine, port2: served } = new MessageChannel();
  serveEngine(
    served,
    localEngine({
      clock: systemClock,
      createEngine: tfjsEngine(settings.backend, { report: log }),
      uploader: new ThreadedUploader(webSocketTransport, log),
      log,
    }),
  );
  const data: LinkThreadData = {
    coordinators: settings.coordinators,
    identity: {
      instance: process.env['STILLHOUSE_INSTANCE'] ?? randomBytes(8).toString('hex'),
      version,
      token: process.env['STILLHOUSE_TOKEN'] ?? '',
      host: hostname(),
      patienceMs: settings.patienceMs,
      heartbeatTimeoutMs: settings.heartbeatTimeoutMs,
    },
    mesh: settings.mesh,
    locals: localAddresses(),
    engine,
  };
  const links = new Worker(programs.links, { workerData: data, transferList: [engine] });
  process.on('SIGTERM', () => {
    log('asked to leave: it finishes the step and hands over');
    links.postMessage('leave');
  });
  const finished = new Promise<void>((resolve, reject) => {
    links.on('error', reject);
    links.on('message', (message: FromLinkThread) => {
      if (message.type === 'log') return log(message.message, message.fields);
      if (message.type === 'failed') return reject(fromErrorRecord(message.error));
      resolve();
    });
  });
  // Its parent notices that a terminal is closed, and the end of a parent must not leave a worker that nothing ends.
  process.on('SIGHUP', () => {});
  process.on('disconnect', () => process.exit(exitCodes.interrupted));
  const interrupted = new Promise<never>((_, reject) => {
    // A terminal sends Ctrl-C to the whole group; workers of `run` leave it to their parent.
    process.on('SIGINT', () => {
      if (isWatched) reject(new StillhouseError('INTERRUPTED', 'the worker was interrupted'));
    });
  });
  await Promise.race([finished, interrupted]);
  log('the run is over, or this worker has left it');
}

let log: Log | undefined;
try {
  log = logOf();
  await work(log);
  process.exitCode = exitCodes.ok;
} catch (thrown) {
  const error = withoutRefusal(thrown);
  const record = toErrorRecord(error);
  if (!isWatched) log?.(`${record.code}: ${record.message}`, { error: record });
  await report({ type: 'failed', error: record });
  process.exitCode = error instanceof StillhouseError ? error.exitCode : exitCodes.bug;
}
// Open sockets must not keep the process alive.
process.exit();
