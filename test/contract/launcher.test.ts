// The contract of launchers: processes on this machine, which run what was built, as a user's do, and workers in the
// process of a test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launcherContract, type LauncherSubject } from '@stillhouse/contract';
import { webSocketTransport } from '@stillhouse/transport';
import { describe } from 'vitest';
import { InProcessLauncher } from '../e2e/in-process-launcher.js';
import { runContract } from './contract.js';

const built = new URL('../../packages/stillhouse/dist/index.js', import.meta.url).href;
const { LocalLauncher } = (await import(built)) as typeof import('stillhouse');

const launchers: Readonly<Record<string, LauncherSubject['launch']>> = {
  'processes on this machine': (target) => new LocalLauncher(target),
  'workers in this process': (target) => new InProcessLauncher(target),
};

describe.each(Object.entries(launchers))('%s', (_, launch) =>
  runContract(
    launcherContract(() => {
      const folder = mkdtempSync(join(tmpdir(), 'stillhouse-launcher-'));
      return {
        launch,
        transport: webSocketTransport,
        address: '127.0.0.1:0',
        logFile: (name) => join(folder, `${name}.log`),
        close: () => Promise.resolve(rmSync(folder, { recursive: true })),
      };
    }),
  ),
);
