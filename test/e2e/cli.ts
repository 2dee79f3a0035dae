// Starts the built library and command line as a user does, in a scratch folder of their own.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { LayerConfig, RecipeInput, RunRecord } from '@stillhouse/core';
import { dataFolders } from '@stillhouse/datasets';
import { InProcessLauncher } from './in-process-launcher.js';
import { run, StillhouseError, type RecipeSource, type RunOptions, type RunResult } from 'stillhouse';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const mainFile = join(root, 'packages/cli/dist/main.js');

/** MNIST's folder, or undefined: tests that need it are skipped and say so. */
export const mnistFolder = dataFolders(process.env, root)
  .map((folder) => join(folder, 'mnist'))
  .find((folder) => existsSync(join(folder, 'train-images-idx3-ubyte.gz')));

/** Whether tests also run that a similar test otherwise stands in for. */
export const isNight = Boolean(process.env['STILLHOUSE_NIGHTLY']);
export const onlyAtNight = '(skipped except with STILLHOUSE_NIGHTLY=1)';

/** The program of a version of Node, if there is one: this process's, one that .ci/run names, or an installed one. */
export function nodeOf(version: number): string | undefined {
  if (version === Number(process.versions.node.split('.')[0])) return process.execPath;
  const installed = join(root, `node_modules/.cache/node${version}/node_modules/node/bin/node`);
  return process.env[`STILLHOUSE_NODE_${version}`] ?? (existsSync(installed) ? installed : undefined);
}

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly result: Promise<Result>;
  /** Resolves when standard error contains the text. */
  logged(text: string | RegExp): Promise<string>;
}

export interface StartOptions {
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  /** Another Node than this one. */
  readonly node?: string | undefined;
  /** A command that runs the command after it, such as `ip netns exec NAME`. */
  readonly within?: readonly string[];
}

export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'stillhouse-e2e-'));
  #count = 0;
  readonly #running = new Set<ChildProcess>();

  readonly #env = {
    STILLHOUSE_PREPARED: this.path('prepared'),
    ...(mnistFolder ? { STILLHOUSE_DATA: dirname(mnistFolder) } : {}),
  };
  readonly #ending = new AbortController();

  /** The library of this process reads the same settings as the commands. */
  constructor() {
    Object.assign(process.env, this.#env);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  recipe(recipe: object): string {
    return this.write(`recipe-${this.#count++}.yaml`, stringify(recipe));
  }

  /** A run folder that does not exist yet. */
  out(): string {
    return this.path(`out-${this.#count++}`);
  }

  start(args: readonly string[], options: StartOptions = {}): Running {
    const [command, ...before] = [...(options.within ?? []), options.node ?? process.execPath];
    const child = spawn(command, [...before, mainFile, ...args], {
      cwd: this.folder,
      env: { ...process.env, ...this.#env, ...options.env },
    });
    this.#running.add(child);
    let stdout = '';
    let stderr = '';
    const waiting: { text: string | RegExp; found: (all: string) => void }[] = [];
    const hasLogged = (text: string | RegExp): boolean =>
      typeof text === 'string' ? stderr.includes(text) : text.test(stderr);
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      for (const { text, found } of waiting) if (hasLogged(text)) found(stderr);
    });
    child.stdin.end(options.stdin ?? '');
    const result = new Promise<Result>((resolve) =>
      child.on('close', (code) => {
        this.#running.delete(child);
        resolve({ code, stdout, stderr });
      }),
    );
    const logged = (text: string | RegExp): Promise<string> =>
      new Promise((resolve, reject) => {
        if (hasLogged(text)) return resolve(stderr);
        waiting.push({ text, found: resolve });
        void result.then(() => reject(new Error(`ended without saying ${text}: ${stderr}`)));
      });
    return { child, result, logged };
  }

  run(args: readonly string[], options: StartOptions = {}): Promise<Result> {
    return this.start(args, options).result;
  }

  /** Runs a recipe to its end by the library, on one worker in this process unless `options` ask for workers. */
  train(recipe: RecipeSource, options: RunOptions = {}): Promise<RunResult> {
    const recipeFolder = typeof recipe === 'string' ? undefined : this.folder;
    const one: RunOptions = { workers: 1, launcher: (target) => new InProcessLauncher(target) };
    return run(recipe, {
      out: this.out(),
      recipeFolder,
      signal: this.#ending.signal,
      ...(options.workers === undefined ? one : {}),
      ...options,
    });
  }

  /** How the library refuses a recipe: the error that the command line prints. */
  async refusal(recipe: RecipeSource, options: RunOptions = {}): Promise<StillhouseError> {
    const error = await this.train(recipe, options).then(
      () => new Error('it was not refused'),
      (reason: unknown) => reason,
    );
    if (error instanceof StillhouseError) return error;
    throw error as Error;
  }

  /** The same as `train` by the command line; throws what it printed if it fails. */
  async trainByCommand(
    recipe: object | string,
    args: readonly string[] = [],
    options: StartOptions = {},
  ): Promise<RunResult & { readonly stderr: string }> {
    const folder = this.out();
    const path = typeof recipe === 'string' ? recipe : this.recipe(recipe);
    const { code, stdout, stderr } = await this.run(
      ['run', path, '--out', folder, '--json', '--workers', '1', ...args],
      options,
    );
    if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
    return { record: JSON.parse(stdout) as RunRecord, folder, stderr };
  }

  readRecord(folder: string): RunRecord {
    return JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunRecord;
  }

  /** Ends what a failed test has left running, and removes the folder. */
  clean(): void {
    this.#ending.abort();
    for (const child of this.#running) child.kill('SIGKILL');
    delete process.env['STILLHOUSE_PREPARED'];
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs a command for which one folder seems empty, and another is on a disk of a few pages. */
export const hiding = (hidden: string, tiny: string): string[] => [
  'unshare',
  '--mount',
  '--propagation',
  'private',
  'sh',
  '-c',
  `mount -t tmpfs none ${hidden} && mkdir -p ${tiny} && mount -t tmpfs -o size=64k none ${tiny} && exec "$@"`,
  'sh',
];
export const canHide = spawnSync('unshare', ['--mount', '--propagation', 'private', 'true']).status === 0;

/** Layers for the ten columns of friedman1, with weights that are not trained and randomness. */
export const convolutional: LayerConfig[] = [
  { reshape: [5, 2, 1] },
  { conv2d: 4, kernel: 2, activation: 'relu' },
  'batchNormalization',
  { dropout: 0.3 },
  'flatten',
  { dense: 1 },
];

/** A small job that trains in a second or two: dropout, a row count that no batch divides, a student. */
export function smallRecipe(change: Partial<RecipeInput> = {}): RecipeInput {
  return {
    name: 'small',
    seed: 3,
    ranks: 2,
    data: {
      large: { generator: 'friedman1', rows: 203 },
      small: { generator: 'friedman1', rows: 30, seed: 1 },
      test: { generator: 'friedman1', rows: 50, seed: 2 },
    },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 16, activation: 'relu' }, { dropout: 0.2 }, { dense: 1 }] }, epochs: 2 },
    student: { model: { layers: [{ dense: 4, activation: 'relu' }, { dense: 1 }] }, epochs: 2, batch: 8 },
    // The choice of its epochs has its own tests; it would train five more models per run.
    ...('student' in change && !change.student ? {} : { baseline: { epochs: 'student' } }),
    distill: { alpha: 0.5, beta: 0.1, transfer: [{ augment: { mixup: 1 } }] },
    ...change,
  };
}
