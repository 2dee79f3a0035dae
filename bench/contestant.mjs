// A process that measures, and is asked for it line by line, so that contestants take turns in one run.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const path = (name) => fileURLToPath(new URL(name, import.meta.url));
export const python = path('../.venv/bin/python');
export const has = (module) =>
  existsSync(python) &&
  spawnSync(python, ['-c', `import importlib.util as u, sys; sys.exit(u.find_spec('${module}') is None)`]).status === 0;

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Contestant {
  constructor(name, [command, ...args], env = {}) {
    this.name = name;
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    running.add(this.child);
    this.child.on('close', () => running.delete(this.child));
    this.errors = '';
    this.child.stderr.on('data', (text) => (this.errors += text));
    // Its lines end then, which says so to whoever asks.
    this.child.on('error', (error) => (this.errors += error.message));
    this.child.stdin.on('error', () => {});
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async line() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended early: ${this.errors.trim().split('\n').slice(-5).join('\n')}`);
    return value;
  }

  /** What the process answers to a line. */
  async ask(line) {
    this.child.stdin.write(`${line}\n`);
    return JSON.parse(await this.line());
  }

  end() {
    this.child.stdin.end();
  }
}
