// A worker of a run that another process coordinates. It runs in a child process, so that this process can report to
// the coordinator if the child dies by itself, for example for lack of memory: such a worker would die again.
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fromErrorRecord, StillhouseError, type ErrorRecord } from '@stillhouse/core';
import { encodeMessage, protocolVersion } from '@stillhouse/core/cluster';
import type { BackendName } from '@stillhouse/worker/light';
import { programs } from '../programs.js';
import { coordinatorUrl, meshWish } from './addresses.js';
import { crashOf, reportFlags } from './crash.js';
import { version } from '../version.js';
import { settingsText, type FromWorker } from './worker-settings.js';

export interface WorkOptions {
  /**
   * Addresses such as ws://10.0.0.5:7433, or 10.0.0.5:7433 for short: the coordinator's, and others where a restarted
   * coordinator may listen.
   */
  readonly coordinators: readonly string[];
  /** Secret of the run. */
  readonly token: string;
  /** `auto` by default: the fastest backend that trains every model of the job. */
  readonly backend?: BackendName | undefined;
  /**
   * Name of an interface, or a range of addresses such as 10.0.0.0/16, over which other workers reach this one; by
   * default the fastest of this machine's networks, or only this machine if its coordinator is reached there.
   */
  readonly network?: string | undefined;
  /** HOST:PORT on which other workers reach this one, in place of `network`; port 0 takes any free one. */
  readonly meshListen?: string | undefined;
  /** HOST:PORT at which other workers reach this one, if that is another address than the one it listens on. */
  readonly meshAdvertise?: string | undefined;
  /** How long the worker continues without a coordinator, in milliseconds; 10 minutes by default. */
  readonly patienceMs?: number | undefined;
  /** A coordinator that sends no heartbeat for this long counts as lost; 10 s by default. */
  readonly heartbeatTimeoutMs?: number | undefined;
  /** File to which the worker logs as JSON lines. */
  readonly logFile?: string | undefined;
  readonly onLog?: ((message: string, fields?: Record<string, unknown>) => void) | undefined;
  /** Makes the worker finish its step, hand over and leave; the call then resolves. */
  readonly signal?: AbortSignal | undefined;
  /** Makes the worker stop at once, without handing over; the call then rejects with INTERRUPTED. */
  readonly interrupt?: AbortSignal | undefined;
}

/** How long sending a message may take. */
const farewellMs = 500;

async function reportCrash(
  { coordinators, token }: WorkOptions,
  crash: { instance: string; error: ErrorRecord },
): Promise<void> {
  const { webSocketTransport } = await import('@stillhouse/transport');
  for (const address of coordinators) {
    try {
      const link = await webSocketTransport.connect(address);
      const { instance } = crash;
      const hello = { protocol: protocolVersion, version, token, host: hostname(), instance, term: 0 };
      link.send(...encodeMessage({ type: 'hello', ...hello }));
      link.send(...encodeMessage({ type: 'failed', error: crash.error }));
      await delay(farewellMs);
      return link.close();
    } catch {
      // Another address may work.
    }
  }
}

/** This process's flags, without a program from the command line, which a child would run again. */
function inheritedFlags(): string[] {
  const evaluated = process.execArgv.findIndex((flag) => /^(-e|-p|-pe|--eval|--print)$/.test(flag));
  return evaluated < 0 ? process.execArgv : process.execArgv.toSpliced(evaluated, 2);
}

function startProcess(options: WorkOptions, folder: string, instance: string): ChildProcess {
  const { coordinators, token, backend = 'auto', patienceMs, heartbeatTimeoutMs, logFile } = options;
  const mesh = meshWish(options);
  const settings = { coordinators: [...coordinators], backend, mesh, patienceMs, heartbeatTimeoutMs, logFile };
  return fork(programs.worker, [settingsText(settings)], {
    execArgv: [...inheritedFlags(), ...reportFlags(folder, 'worker')],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, STILLHOUSE_TOKEN: token, STILLHOUSE_INSTANCE: instance },
  });
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What the process reported before it ended. */
  readonly error: ErrorRecord | undefined;
}

function endOf(child: ChildProcess, { onLog }: WorkOptions): Promise<Ended> {
  let failure: ErrorRecord | undefined;
  child.on('message', (message: FromWorker) => {
    if (message.type === 'failed') failure = message.error;
    else onLog?.(message.message, message.fields);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, error: failure }));
  });
}

/** @returns a function that ends the passing on */
function passSignals(child: ChildProcess, { signal, interrupt }: WorkOptions): () => void {
  const passed = [
    { from: signal, pass: () => void child.kill('SIGTERM') },
    { from: interrupt, pass: () => void child.kill('SIGINT') },
  ];
  for (const { from, pass } of passed) {
    from?.addEventListener('abort', pass);
    if (from?.aborted) pass();
  }
  return () => {
    for (const { from, pass } of passed) from?.removeEventListener('abort', pass);
  };
}

/**
 * Takes part in one run, at its start or at any time later; resolves when the run is over or the worker has left it.
 * @throws StillhouseError USAGE, NETWORK_MISSING, COORDINATOR_UNREACHABLE, TOKEN_REJECTED, FINGERPRINT_MISMATCH,
 * BACKEND_…, WORKER_CRASHED if the worker's process died by itself, WORKER_LOST if something else ended it, INTERRUPTED
 * after Ctrl-C
 */
export async function work(given: WorkOptions): Promise<void> {
  const options = {
    ...given,
    coordinators: given.coordinators.map(coordinatorUrl),
  };
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-worker-'));
  const instance = randomBytes(8).toString('hex');
  try {
    const child = startProcess(options, folder, instance);
    const stopPassing = passSignals(child, options);
    const { code, signal, error } = await endOf(child, options).finally(stopPassing);
    if (error) throw fromErrorRecord(error);
    // It was interrupted before it could report that.
    if (signal === 'SIGINT') throw new StillhouseError('INTERRUPTED', 'the worker was interrupted');
    // It was asked to leave before it could join.
    if (signal === 'SIGTERM' && options.signal?.aborted) return;
    const crash = crashOf({ code, signal }, { folder, name: 'worker', what: 'its process' });
    if (crash) {
      await reportCrash(options, { instance, error: crash });
      throw fromErrorRecord(crash);
    }
    if (code !== 0)
      throw new StillhouseError(
        'WORKER_LOST',
        `the worker's process ${signal ? `was killed by ${signal}` : `ended with exit code ${code}`}`,
        { next: 'Start the worker again.' },
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
