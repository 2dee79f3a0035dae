// The contract of launchers for processes on this machine. They run what was built, as a user's do.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launcherContract } from '@stillhouse/contract';
import { webSocketTransport } from '@stillhouse/transport';
import { runContract } from './contract.js';

const built = new URL('../../packages/stillhouse/dist/index.js', import.meta.url).href;
const { LocalLauncher } = (await import(built)) as typeof import('stillhouse');

runContract(
  launcherContract(() => {
    const folder = mkdtempSync(join(tmpdir(), 'stillhouse-launcher-'));
    return {
      launch: (target) => new LocalLauncher(target),
      transport: webSocketTransport,
      address: '127.0.0.1:0',
      logFile: (name) => join(folder, `${name}.log`),
      close: () => Promise.resolve(rmSync(folder, { recursive: true })),
    };
  }),
);
