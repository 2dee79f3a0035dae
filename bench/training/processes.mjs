// Processes of the product that a benchmark starts; what still runs when the benchmark ends is ended with it.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { path } from '../contestant.mjs';

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const [signal, number] of Object.entries({ SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }))
  process.on(signal, () => process.exit(128 + number));

/** A folder that is removed when the benchmark ends. */
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** Starts a program, perhaps by a command that runs the command after it, such as `ip netns exec NAME`. */
export function startProgram([program, ...args], { within = [], env = {}, cwd } = {}) {
  const [command, ...before] = [...within, program];
  const child = spawn(command, [...before, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  for (const name of Object.keys(output)) child[name].on('data', (text) => (output[name] += text));
  const ended = new Promise((resolve) =>
    child.on('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal, ...output });
    }),
  );
  return { child, output, ended };
}

export const startStillhouse = (args, options) =>
  startProgram([process.execPath, path('../packages/cli/dist/main.js'), ...args], options);

/** What a command printed, or an error with what it complained about. */
export async function resultOf({ ended }, what) {
  const { code, signal, stdout, stderr } = await ended;
  if (code !== 0)
    throw new Error(`${what}: ${signal ?? `exit ${code}`}: ${stderr.trim().split('\n').slice(-8).join('\n')}`);
  return JSON.parse(stdout);
}

/** The events of a run folder so far, with their times in milliseconds. */
export function eventsOf(folder) {
  const file = join(folder, 'events.jsonl');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line))
    .map((event) => ({ ...event, atMs: Date.parse(event.at) }));
}

/** Rows per second from the first report at or after a step to the last one. */
export function rateOf(folder, { warmSteps, batch }) {
  const progress = eventsOf(folder).filter(({ type, step }) => type === 'progress' && step >= warmSteps);
  const [first, last] = [progress[0], progress.at(-1)];
  if (!last || last.step === first.step) throw new Error(`too few steps to measure: ${last?.step ?? 0}; raise --steps`);
  return { rowsPerSecond: ((last.step - first.step) * batch * 1000) / (last.atMs - first.atMs), loss: last.loss };
}

/** The processes that a process has started, and the command line of each. */
export function childrenOf(pid) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))[1]);
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return parent === pid ? [{ pid: Number(name), command }] : [];
      } catch {
        // It has ended.
        return [];
      }
    });
}

/** The workers that a `stillhouse run` has started and that live, by name. */
export const workersOf = ({ child }) =>
  childrenOf(child.pid).flatMap(({ pid, command }) => {
    const name = /worker-\d+/.exec(command)?.[0];
    return name ? [{ name, pid }] : [];
  });
