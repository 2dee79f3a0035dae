// Trainings whose processes are killed: each says how far it is, which processes may be killed, and when it has ended.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { path } from '../contestant.mjs';
import { eventsOf, childrenOf, resultOf, startProgram, startStillhouse, workersOf } from '../training/processes.mjs';

const program = (name) => path(`../.venv/bin/${name}`);
const env = {
  GLOO_SOCKET_IFNAME: 'lo',
  OMP_NUM_THREADS: '1',
  // Otherwise workers that torchrun starts again find the addresses of those before them, and cannot connect.
  TORCH_DISABLE_SHARE_RDZV_TCP_STORE: '1',
};
/** As Stillhouse waits before it starts a killed worker again. */
const restartMs = 1000;

/** The reports of a file of one JSON text per line. */
const reportsOf = (file) =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line))
    : [];

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** `stillhouse run`, which starts killed workers again by itself. */
export function startRun({ recipe, folder, workers, checkpointSeconds, steps, backend, settings }) {
  const out = join(folder, 'run');
  const args = ['--workers', workers, '--backend', backend, '--out', out, '--checkpoint-every', checkpointSeconds];
  const running = startStillhouse(['run', recipe, ...args.map(String), ...settings, '--json', '--quiet'], {
    cwd: folder,
    env: { STILLHOUSE_PREPARED: join(folder, '..', 'prepared') },
  });
  return {
    victims: () => workersOf(running),
    progress() {
      const events = eventsOf(out);
      const ended = events.findLast(({ type }) => type === 'epoch' || type === 'phaseDone');
      const reports = events.filter(({ type }) => type === 'progress');
      return ended?.type === 'phaseDone' ? [...reports, { step: steps, atMs: lastStepOf(events) }] : reports;
    },
    result: resultOf(running, 'stillhouse run').then(({ teacher }) => ({ hash: teacher.weightsSha256 })),
    end: () => void running.child.kill(),
  };
}

/** When the last step was done: the end of the last epoch, whose report every member sends at once. */
const lastStepOf = (events) => events.findLast(({ type }) => type === 'epoch').atMs;

const script = (name) => path(`goodput/${name}`);

/** The workers of torchrun, which ends all of them and starts all of them again when one fails. */
export function startTorchrun({ folder, model, batch, steps, workers, checkpointSeconds }) {
  const progress = join(folder, 'progress.jsonl');
  const options = ['--standalone', '--nproc-per-node', workers, '--max-restarts', 1000, '--monitor-interval', 0.1];
  const args = [model, batch, steps, progress, join(folder, 'checkpoint.pt'), checkpointSeconds];
  const running = startProgram([program('torchrun'), ...options, script('elastic.py'), ...args].map(String), { env });
  return {
    victims: () =>
      childrenOf(running.child.pid)
        .filter(({ command }) => command.includes('elastic.py'))
        .map(({ pid }, i) => ({ name: `worker ${i}`, pid })),
    progress: () => reportsOf(progress),
    result: running.ended.then(({ code, stderr }) => {
      if (code !== 0) throw new Error(`torchrun: exit ${code}: ${stderr.trim().split('\n').slice(-8).join('\n')}`);
      return {};
    }),
    end: () => void running.child.kill(),
  };
}

/** Replicas of torchft, each started again after it was killed. */
export async function startTorchft({ folder, model, batch, steps, workers }) {
  const progress = join(folder, 'progress.jsonl');
  const address = `127.0.0.1:${await freePort()}`;
  const settings = ['--bind', address, '--min_replicas', 1, '--quorum_tick_ms', 100, '--join_timeout_ms', 1000];
  const lighthouse = startProgram([program('torchft_lighthouse'), ...settings].map(String));
  const replicas = new Map();
  let isEnding = false;
  const begin = (name) => {
    const args = [model, batch, steps, progress, workers, `http://${address}`, name];
    const replica = startProgram([program('python'), script('torchft_replica.py'), ...args].map(String), { env });
    replicas.set(name, replica);
    return replica.ended;
  };
  /** Until it ends by itself. */
  const keep = async (name) => {
    for (;;) {
      const { code, signal, stderr } = await begin(name);
      replicas.delete(name);
      if (code === 0 || isEnding) return;
      if (signal !== 'SIGKILL') console.error(`${name} of torchft: exit ${code}: ${stderr.trim().split('\n').at(-1)}`);
      if (reportsOf(progress).some(({ step }) => step >= steps)) return;
      await delay(restartMs);
    }
  };
  const names = Array.from({ length: workers }, (_, i) => `replica-${i}`);
  return {
    victims: () => [...replicas].map(([name, { child }]) => ({ name, pid: child.pid })),
    progress: () => reportsOf(progress),
    result: Promise.all(names.map(keep)).then(() => {
      lighthouse.child.kill();
      return {};
    }),
    end() {
      isEnding = true;
      for (const { child } of replicas.values()) child.kill('SIGKILL');
    },
  };
}
