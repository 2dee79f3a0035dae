// What this machine has, and which backends work on it.
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, freemem, networkInterfaces, totalmem } from 'node:os';
import { createServer } from 'node:net';
import { installedEngines, tryEngine, visibleGpus, type EngineKind, type Gpu } from '@stillhouse/native';
import type { BackendName } from '@stillhouse/worker';

export interface BackendState {
  readonly name: Exclude<BackendName, 'auto'> | 'onnx';
  readonly usable: boolean;
  /** What it is, or why it is not usable and what to do. */
  readonly detail: string;
}

export interface Machine {
  readonly platform: string;
  readonly node: string;
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly memory: { readonly bytes: number; readonly freeBytes: number };
  /** As NVIDIA's driver tells; empty without one. */
  readonly gpus: readonly Gpu[];
  /** Whether a port can be listened on, and the addresses at which other machines may reach it. */
  readonly ports: { readonly usable: boolean; readonly addresses: readonly string[]; readonly reason?: string };
  /** `synchronised` is undefined where the system does not tell. */
  readonly clock: { readonly now: string; readonly timeZone: string; readonly synchronised?: boolean };
  readonly backends: readonly BackendState[];
}

function engineState(kind: EngineKind, what: string): BackendState {
  const [engine] = installedEngines(process.env, kind);
  if (!engine)
    return { name: kind, usable: false, detail: `not installed: run \`stillhouse backend install ${kind}\`` };
  const { version, cuda } = engine.manifest;
  const name = `${what} ${version}${cuda ? ' with CUDA' : ''} in ${engine.folder}`;
  const tried = tryEngine(kind, engine.folder, process.env);
  return 'fingerprint' in tried
    ? { name: kind, usable: true, detail: `${tried.fingerprint}; ${name}` }
    : { name: kind, usable: false, detail: `${tried.reason}; ${name}` };
}

/** In the order in which `--backend auto` takes them; then what runs teachers and trains nothing. */
export function inspectBackends(): BackendState[] {
  return [
    engineState('tensorflow', 'TensorFlow'),
    engineState('webgpu', 'Dawn'),
    { name: 'wasm', usable: true, detail: 'embedded, one thread per worker' },
    { name: 'cpu', usable: true, detail: 'embedded, plain JavaScript; slow' },
    engineState('onnx', 'ONNX Runtime, for teachers alone,'),
  ];
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

export async function inspectMachine(): Promise<Machine> {
  return {
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() },
    memory: { bytes: totalmem(), freeBytes: freemem() },
    gpus: visibleGpus(process.env),
    ports: await inspectPorts(),
    clock: inspectClock(),
    backends: inspectBackends(),
  };
}
