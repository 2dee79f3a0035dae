// `stillhouse worker` runs its work in a process of its own, so that something is left to tell the coordinator when that
// process dies by itself, as for lack of memory: such a worker would die again, and the run ends with the reason.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeMessage, exitCodes, protocolVersion, StillhouseError, type ErrorRecord } from '@stillhouse/core';
import { webSocketTransport } from '@stillhouse/transport';
import { crashOf, reportFlags } from './crash.js';
import { version } from './version.js';

/** How long a message has to get away. */
const farewellMs = 500;

async function tellCoordinator(
  addresses: readonly string[],
  token: string,
  crash: { instance: string; error: ErrorRecord },
): Promise<void> {
  for (const address of addresses) {
    try {
      const link = await webSocketTransport.connect(address);
      link.send(
        ...encodeMessage({
          type: 'hello',
          protocol: protocolVersion,
          version,
          token,
          host: hostname(),
          instance: crash.instance,
          term: 0,
        }),
      );
      link.send(...encodeMessage({ type: 'failed', error: crash.error }));
      await delay(farewellMs);
      return link.close();
    } catch {
      // Another address may do.
    }
  }
}

/**
 * Runs the command again as a child, and ends as it does.
 * @throws StillhouseError WORKER_CRASHED if the child died by itself
 */
export async function supervise(
  args: readonly string[],
  where: { coordinators: readonly string[]; token: string },
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-worker-'));
  const instance = randomBytes(8).toString('hex');
  try {
    const child = spawn(process.execPath, [...process.execArgv, ...reportFlags(folder, 'worker'), ...args, '--child'], {
      stdio: 'inherit',
      env: { ...process.env, STILLHOUSE_INSTANCE: instance },
    });
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGTERM', forward);
    // A terminal sends Ctrl-C to both.
    process.on('SIGINT', () => {});
    const exit = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, signal) => resolve({ code, signal }));
    });
    const crash = crashOf(exit, { folder, name: 'worker', what: 'its process' });
    if (!crash) return exit.code ?? exitCodes.environment;
    await tellCoordinator(where.coordinators, where.token, { instance, error: crash });
    throw new StillhouseError('WORKER_CRASHED', `${crash.message}${crash.stack ? `\n${crash.stack}` : ''}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
