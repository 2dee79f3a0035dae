// Commands at a terminal, in pipes, without permissions, and interrupted; and what they tell of runs.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RecipeInput } from '@stillhouse/core';
import type { Comparison, RunList, RunState } from 'stillhouse';
import { mainFile, Scratch, smallRecipe, type Running } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

/** A job about which there is nothing to warn. */
const recipeOf = (change: Partial<RecipeInput> = {}): RecipeInput =>
  smallRecipe({ distill: { alpha: 0.5 }, ...change });

const row = '0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.1\n';
let slowSources = 0;
/** A recipe whose data never end, and the file that shows that they are being read. */
function endlessRecipe(): { path: string; begun: string } {
  const name = `slow-${slowSources++}`;
  const begun = scratch.path(`${name}.begun`);
  scratch.write(
    `${name}.mjs`,
    `import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
export default async function* () {
  writeFileSync(${JSON.stringify(begun)}, '');
  for (;;) { await delay(5); yield { x: [1, 2], y: [3] }; }
}`,
  );
  const data = { ...smallRecipe().data, large: { module: `${name}.mjs` } };
  return { path: scratch.recipe(recipeOf({ data })), begun };
}

async function until<Found>(look: () => Found | undefined, what: () => string): Promise<Found> {
  for (let tries = 0; tries < 1200; tries++) {
    const found = look();
    if (found !== undefined) return found;
    await delay(100);
  }
  throw new Error(`in two minutes there was never ${what()}`);
}

let folder: string;
beforeAll(async () => {
  ({ folder } = await scratch.train(recipeOf(), { out: scratch.path('runs/one') }));
  await scratch.train(recipeOf({ seed: 4 }), { out: scratch.path('runs/nested/two') });
});

/** A command whose standard output, or standard error too, goes elsewhere; resolves with its exit code. */
function redirected(
  args: readonly string[],
  streams: { out: number | 'pipe'; stdin?: string },
): {
  child: ChildProcess;
  ended: Promise<{ code: number | null; stderr: string }>;
} {
  const child = spawn(process.execPath, [mainFile, ...args], {
    cwd: scratch.folder,
    stdio: ['pipe', streams.out, 'pipe'],
  });
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin!.on('error', () => {}).end(streams.stdin ?? '');
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, stderr })),
  );
  return { child, ended };
}

describe('standard output', () => {
  test('a reader that stops reading, as head does, ends the command without a word', async () => {
    const { child, ended } = redirected(['predict', folder], { out: 'pipe', stdin: row.repeat(20_000) });
    child.stdout!.once('data', () => child.stdout!.destroy());
    expect(await ended).toEqual({ code: 0, stderr: '' });
  });

  test('on a full disk is an error with a code', async () => {
    const { code, stderr } = await redirected(['schema'], { out: openSync('/dev/full', 'w') }).ended;
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^stillhouse: OUT_UNWRITABLE: standard output cannot be written: no space is left on its disk \(ENOSPC, write\)/,
    );
  });

  test('a run goes on when nobody reads its progress any more', async () => {
    const out = scratch.out();
    const { child, ended } = redirected(['run', scratch.recipe(recipeOf()), '--out', out, '--workers', '1', '--json'], {
      out: 'pipe',
    });
    child.stdout!.resume();
    child.stderr!.once('data', () => child.stderr!.destroy());
    expect((await ended).code).toBe(0);
    expect(scratch.readRecord(out).status).toBe('done');
  });
});

/** Root may do everything, so these commands run as a user who may not. */
const isRoot = process.getuid?.() === 0;
const asNobody = (args: readonly string[]): { status: number | null; stderr: string } =>
  spawnSync(process.execPath, [mainFile, ...args], {
    cwd: scratch.folder,
    encoding: 'utf8',
    ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}),
  });

test('what the operating system refuses is an error with a code, and no bug', () => {
  chmodSync(scratch.folder, 0o755);
  const closed = scratch.path('closed');
  mkdirSync(closed, { mode: 0o500 });
  for (const args of [
    ['sweep', scratch.recipe(recipeOf()), '--out', `${closed}/sweep`],
    ['generations', scratch.recipe(recipeOf()), '--out', `${closed}/again`],
    ['worker', '--coordinator', 'localhost:1', '--token', 't', '--log', `${closed}/worker.log`],
  ]) {
    const { status, stderr } = asNobody(args);
    expect(stderr).toMatch(/^stillhouse: (FILE_REFUSED|OUT_UNWRITABLE): .*permission is denied \(EACCES, .*closed/);
    expect(stderr.trim().split('\n')).toHaveLength(2);
    expect(status).toBe(3);
  }
});

describe('an interrupt while data are prepared', () => {
  async function interrupted(args: readonly string[], signal: NodeJS.Signals): Promise<string> {
    const { path, begun } = endlessRecipe();
    const started = scratch.start([...args, path]);
    await until(
      () => (existsSync(begun) ? begun : undefined),
      () => begun,
    );
    started.child.kill(signal);
    const { code, stderr } = await started.result;
    expect(code).toBe(130);
    return stderr;
  }

  test.each([
    ['run', 'SIGTERM'],
    ['run', 'SIGHUP'],
    ['coordinator', 'SIGTERM'],
    ['sweep', 'SIGTERM'],
  ] as const)('ends `%s` (%s)', async (command, signal) => {
    expect(await interrupted([command], signal)).toMatch(/^stillhouse: INTERRUPTED: /);
  });

  test('ends `data prepare`, which says that it can be continued', async () => {
    expect(await interrupted(['data', 'prepare'], 'SIGINT')).toMatch(
      /INTERRUPTED: .*\n {2}Run the command again: it continues where it stopped\.\n$/,
    );
  });
});

test('a worker takes HOST:PORT as an address; anything else is refused with what it may be', async () => {
  const { stderr } = await scratch.run(['worker', '--coordinator', 'http://localhost:7433', '--token', 't']);
  expect(stderr).toMatch(/^stillhouse: USAGE: http:\/\/localhost:7433 is not the address .*\n {2}Give HOST:PORT/);
  const mesh = await scratch.run(['worker', '--coordinator', 'localhost:1', '--token', 't', '--mesh-listen', '7434']);
  expect(mesh.stderr).toMatch(/^stillhouse: USAGE: 7434 is not an address .*\n {2}Give --mesh-listen HOST:PORT/);
});

/** Processes that have a text in their environment. */
const processesWith = (text: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(text);
    } catch {
      return false;
    }
  });

describe.skipIf(!existsSync('/proc/self/environ'))('a command that is ended (skipped without /proc)', () => {
  let marks = 0;
  const started = (args: readonly string[]): { running: Running; left: () => string[] } => {
    const mark = `STILLHOUSE_MARK=${process.pid}-${marks++}`;
    const [name, value] = mark.split('=');
    return { running: scratch.start(args, { env: { [name]: value } }), left: () => processesWith(mark) };
  };
  const untilNoneIsLeft = (left: () => string[]): Promise<true> =>
    until(
      () => (left().length === 0 ? true : undefined),
      () => `no process left, but ${left().join(', ')}`,
    );

  test.each(['SIGINT', 'SIGHUP'] as const)('worker: %s that only its own process gets', async (signal) => {
    const { running, left } = started(['worker', '--coordinator', 'localhost:1', '--token', 't']);
    await running.logged('no coordinator at');
    running.child.kill(signal);
    const { code, stderr } = await running.result;
    if (signal === 'SIGINT') expect(stderr).toMatch(/\nstillhouse: INTERRUPTED: the worker was interrupted\n/);
    expect(code).toBe(signal === 'SIGINT' ? 130 : 0);
    await untilNoneIsLeft(left);
  });

  test('worker: SIGKILL leaves no process that goes on', async () => {
    const { running, left } = started(['worker', '--coordinator', 'localhost:1', '--token', 't', '--patience', '600']);
    await running.logged('no coordinator at');
    running.child.kill('SIGKILL');
    await untilNoneIsLeft(left);
  });

  test('run: SIGKILL leaves no process that trains trials', async () => {
    const recipe = scratch.recipe(
      recipeOf({
        teacher: { model: { layers: [{ dense: 1 }] }, epochs: 1 },
        student: { model: { layers: [{ dense: 1 }] }, epochs: 100_000 },
        baseline: { epochs: 'crossValidation' },
      }),
    );
    const { running, left } = started(['run', recipe, '--out', scratch.out(), '--workers', '1', '--backend', 'wasm']);
    await running.logged('waiting for the cross-validation');
    // Until the trials have begun: the worker is one of the processes.
    await until(
      () => (left().length > 2 ? true : undefined),
      () => 'a process of trials',
    );
    await delay(1000);
    running.child.kill('SIGKILL');
    await untilNoneIsLeft(left);
  });
});

describe('a run that is over', () => {
  test('status: its results, and no worker that runs', async () => {
    const { stdout } = await scratch.run(['status', folder]);
    expect(stdout).toMatch(/^done at /);
    expect(stdout).toMatch(/student \(distilled\) +49 +196 +-?\d/);
    expect(stdout).not.toMatch(/running|epoch/);
    const state = JSON.parse((await scratch.run(['status', folder, '--json'])).stdout) as RunState;
    expect(state.isLive).toBe(false);
    expect(state.models.map(({ name }) => name)).toEqual(['teacher', 'student', 'baseline']);
    expect(state.status?.workers.every(({ stage }) => stage === 'ended') ?? true).toBe(true);
  });

  test('compare: all metrics, engines, hashes; in full as JSON', async () => {
    const other = scratch.path('runs/nested/two');
    const { stdout } = await scratch.run(['compare', folder, other]);
    const { student } = scratch.readRecord(folder);
    for (const text of ['test r2', 'test rmse', 'test mae', 'wasm', student!.weightsSha256.slice(0, 16), 'seed'])
      expect(stdout).toContain(text);
    expect(stdout).not.toMatch(/\d\.\d{5}|e\+/);
    const { runs } = JSON.parse((await scratch.run(['compare', folder, other, '--json'])).stdout) as Comparison;
    expect(runs[0].models[1]).toMatchObject({ name: 'student', test: student!.test });
    expect(runs[0].models[1].trained!.weightsSha256).toBe(student!.weightsSha256);
  });

  test('ls: every run below a folder, also those that cannot be read', async () => {
    mkdirSync(scratch.path('runs/broken'));
    scratch.write('runs/broken/run.json', '{');
    const { stdout, stderr } = await scratch.run(['ls']);
    expect(stdout).toMatch(/^run +status +started/);
    expect(stdout).toMatch(/\nruns\/one +done .* student \(distilled\): test r2 -?\d/);
    expect(stdout).toMatch(/\nruns\/nested\/two +done /);
    expect(stderr).toMatch(/^warning: runs\/broken: .*run\.json is not a run\.json/);
    const listed = JSON.parse((await scratch.run(['ls', 'runs/nested', '--json'])).stdout) as RunList;
    expect(listed.runs).toMatchObject([{ folder: 'runs/nested/two', status: 'done', metric: 'r2' }]);
    expect((await scratch.run(['ls', 'nowhere'])).stderr).toMatch(/RUN_NOT_FOUND: there is no folder nowhere/);
  });

  test("logs: the coordinator's, a worker's, and which there are", async () => {
    expect((await scratch.run(['logs', folder])).stdout).toMatch(
      /^\d{4}-\d\d-\d\d [\d:]+ UTC {2}joined {2}worker\.workerId=w1 /,
    );
    const raw = (await scratch.run(['logs', folder, '--worker', '1', '--json'])).stdout;
    expect(raw).toBe(readFileSync(`${folder}/logs/worker-1.log`, 'utf8'));
    expect((await scratch.run(['logs', folder, '--worker', '7'])).stderr).toMatch(
      /USAGE: .* has no log of worker-7; it has coordinator, worker-1\n/,
    );
  });
});

test('--quiet tells nothing of a run but its result, --verbose more than usual', async () => {
  const args = (how: string): string[] => [
    'run',
    scratch.recipe(recipeOf()),
    '--out',
    scratch.out(),
    '--workers',
    '1',
    how,
  ];
  const quiet = await scratch.run(args('--quiet'));
  expect(quiet.stderr).toBe('');
  expect(quiet.stdout).toContain('student (distilled)');
  const verbose = await scratch.run(args('--verbose'));
  expect(verbose.stderr).toMatch(/\nteacher: 193 parameters, initial weights [0-9a-f]{16}\n/);
  expect(verbose.stderr).toMatch(/\nteacher: epoch 1\/2 .*\n(.*\n)*teacher: epoch 2\/2 /);
});

const hasTmux = spawnSync('tmux', ['-V']).status === 0;

describe.skipIf(!hasTmux)('on a terminal of 80 columns (skipped without tmux: apt-get install tmux)', () => {
  const socket = `stillhouse-${process.pid}`;
  const tmux = (...args: string[]): string => spawnSync('tmux', ['-L', socket, ...args], { encoding: 'utf8' }).stdout;
  afterAll(() => void tmux('kill-server'));
  /** All lines that the terminal shows or has scrolled away. */
  const lines = (): string[] => tmux('capture-pane', '-p', '-S', '-', '-t', '0').split('\n');
  const shows = (text: string | RegExp): Promise<string[]> =>
    until(
      () => {
        const all = lines();
        return all.some((line) => (typeof text === 'string' ? line.includes(text) : text.test(line))) ? all : undefined;
      },
      () => `${text} in ${lines().join('\n')}`,
    );

  test('lines that change are below notices, which stay as they are, also when a worker is killed', async () => {
    const out = scratch.out();
    const recipe = scratch.recipe(
      recipeOf({
        data: { ...smallRecipe().data, large: { generator: 'friedman1', rows: 4000 } },
        teacher: { model: { layers: [{ dense: 32, activation: 'relu' }, { dense: 1 }] }, epochs: 500, validation: 0.2 },
      }),
    );
    const command = `'${process.execPath}' '${mainFile}' run '${recipe}' --out '${out}' --backend wasm`;
    // The terminal stays as it is after the command.
    tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-x',
      '80',
      '-y',
      '24',
      `cd '${scratch.folder}'; ${command}; sleep 600`,
    );
    const shown = await shows('validation mae');
    const bar = shown.findIndex((line) => /^teacher {2}[█░]{24} {2}\d+ % {2}ETA .* {2}epoch \d+\/500$/.test(line));
    expect(bar).toBeGreaterThan(3);
    expect(shown[bar + 1]).toMatch(/^loss \d\S* {2}validation r2 -?\d\S* {2}validation rmse \d\S*$/);
    // The exchange is there once a step of both was measured.
    expect(shown[bar + 2]).toMatch(/^validation mae \d\S* {2}[\d,]+ rows\/s {2}2 workers(?: {2}exchange \d\S* ms)?$/);

    const pid = Number(/"pid":(\d+)/.exec(readFileSync(`${out}/logs/worker-2.log`, 'utf8'))![1]);
    process.kill(pid, 'SIGKILL');
    await shows(/ rows\/s {2}1 worker$/);
    tmux('send-keys', '-t', '0', 'C-c');
    const end = await shows('INTERRUPTED');
    // The lines that changed are gone; every notice is there once, from its first column on.
    expect(end.filter((line) => /[█░]|ETA|rows\/s/.test(line))).toEqual([]);
    for (const notice of [
      /^worker w1 on /,
      /^worker w2 on /,
      /^teacher: 3,200 rows, 500 epochs of \d+ steps, 2 ranks on 2 workers$/,
      /^worker w\d left: its connection closed$/,
      /^teacher: continues .*, 1 worker \(/,
      /^stillhouse: INTERRUPTED: the run was interrupted$/,
    ])
      expect(end.filter((line) => notice.test(line))).toHaveLength(1);
  });
});
