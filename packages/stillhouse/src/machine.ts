// What this machine has: processor, memory, GPUs, ports, clock and backends.
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, freemem, networkInterfaces, totalmem } from 'node:os';
import { createServer } from 'node:net';
import { gpusOf, whyNoGpuHere, type Gpu } from '@stillhouse/native';
import { listBackends, type BackendState } from './backends.js';

export interface Machine {
  readonly platform: string;
  readonly node: string;
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly memory: { readonly bytes: number; readonly freeBytes: number };
  /** As NVIDIA's driver reports them; empty without one. */
  readonly gpus: readonly Gpu[];
  /** Why TensorFlow's engine uses none of them; undefined if it does. */
  readonly whyNoGpu: string | undefined;
  /** Whether a process can listen on a port, and the addresses at which other machines may reach it. */
  readonly ports: { readonly usable: boolean; readonly addresses: readonly string[]; readonly reason?: string };
  /** `synchronised` is undefined if the system does not say. */
  readonly clock: { readonly now: string; readonly timeZone: string; readonly synchronised?: boolean };
  readonly backends: readonly BackendState[];
}

function inspectPorts(): Promise<Machine['ports']> {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address),
  );
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve({ usable: false, addresses, reason: error.message }));
    server.listen(0, () =>
      server.close(() =>
        resolve({
          usable: true,
          addresses: addresses.length ? addresses : ['127.0.0.1 (no other machine reaches it)'],
        }),
      ),
    );
  });
}

function inspectClock(): Machine['clock'] {
  const { stdout } = spawnSync('timedatectl', ['show', '--property=NTPSynchronized', '--value'], {
    encoding: 'utf8',
    timeout: 5_000,
  });
  const answer = /^(yes|no)$/m.exec(stdout ?? '')?.[1];
  return {
    now: new Date().toISOString(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    ...(answer ? { synchronised: answer === 'yes' } : {}),
  };
}

/**
 * What this machine has, and whether its ports, clock and backends can be used. Tries each installed backend, which
 * takes seconds.
 */
export async function doctor(): Promise<Machine> {
  const backends = listBackends();
  const isOnGpu = backends.some(({ name, onGpu }) => name === 'tensorflow' && onGpu);
  return {
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() },
    memory: { bytes: totalmem(), freeBytes: freemem() },
    gpus: gpusOf(process.env),
    whyNoGpu: isOnGpu ? undefined : whyNoGpuHere(process.env),
    ports: await inspectPorts(),
    clock: inspectClock(),
    backends,
  };
}
