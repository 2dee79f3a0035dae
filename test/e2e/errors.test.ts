// Bad input gets one clear sentence with a stable code and a non-zero exit, and nothing is lost.
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { decodeSafetensors, type RecipeInput } from '@stillhouse/core';
import {
  decodeToWorker,
  encodeMessage,
  protocolVersion,
  type JournalRecord,
  type ToWorker,
} from '@stillhouse/core/cluster';
import { webSocketTransport } from '@stillhouse/transport';
import type { RunOptions, RunState } from 'stillhouse';
import { Scratch, smallRecipe, type Result } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

/** The change a user might make to a good recipe. */
const changed = (change: (recipe: Record<string, any>) => void): object => {
  const recipe = JSON.parse(JSON.stringify(smallRecipe())) as Record<string, any>;
  change(recipe);
  return recipe;
};
const csvRecipe = (text: string): object =>
  changed((recipe) => {
    const csv = scratch.write(`data-${Math.round(text.length * 7 + text.charCodeAt(4))}.csv`, text);
    recipe['data'] = { large: { csv }, small: { csv }, test: { csv }, table: { target: 'y' } };
  });
const idxBytes = (count: number, bytes: number): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2]), Buffer.alloc(bytes)]);
const labelBytes = (...labels: number[]): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 8, 1, 0, 0, 0, labels.length]), Buffer.from(labels)]);
const idxRecipe = (images: string, labels: string): object =>
  changed((recipe) => {
    const source = { idx: { images, labels } };
    recipe['data'] = { large: source, small: source, test: source };
    recipe['loss'] = 'softmaxCrossEntropy';
    for (const part of ['teacher', 'student']) recipe[part].model.layers = ['flatten', { dense: 2 }];
  });

interface Refusal {
  readonly exit: number;
  readonly code: string;
  readonly text: string | RegExp;
  readonly next?: RegExp;
}

/** The command line prints exactly one sentence with a code, and one that says what to do next. */
function expectRefusal({ code, stderr, stdout }: Result, expected: Refusal): void {
  const lines = stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(backend|worker w\d|teacher:|warning:)/.test(line));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(new RegExp(`^stillhouse: ${expected.code}: `));
  expect(lines[0]).toMatch(expected.text);
  expect(lines[1]).toMatch(/^ {2}[A-Z`].+\.$/);
  expect(stdout).toBe('');
  expect(code).toBe(expected.exit);
}

describe('what a user got wrong', () => {
  const cases: [string, () => { recipe: object; options?: RunOptions }, Refusal][] = [
    [
      'an unknown key',
      () => ({ recipe: changed((recipe) => (recipe['teacher'].optimiser = {})) }),
      {
        exit: 2,
        code: 'RECIPE_UNKNOWN_KEY',
        text: /teacher\.optimiser is not a known key; the nearest is optimizer/,
      },
    ],
    [
      'a wrong value',
      () => ({ recipe: smallRecipe(), options: { set: { 'teacher.epochs': 'many' } } }),
      { exit: 2, code: 'RECIPE_INVALID', text: /teacher\.epochs is "many"/ },
    ],
    [
      'a missing file',
      () => ({
        recipe: changed((recipe) => {
          recipe['data'].large = { csv: 'none.csv' };
          recipe['data'].table = { target: 'y' };
        }),
      }),
      { exit: 2, code: 'DATA_NOT_FOUND', text: /none\.csv does not exist/ },
    ],
    [
      'a truncated file',
      () => ({
        recipe: idxRecipe(
          scratch.write('cut.gz', gzipSync(idxBytes(3, 8))),
          scratch.write('cut-labels', labelBytes(0, 1, 0)),
        ),
      }),
      { exit: 2, code: 'DATA_TRUNCATED', text: /has 8 of the 12 bytes/ },
    ],
    [
      'a cell that is no number',
      () => ({ recipe: csvRecipe('a,b,y\n1,2,3\n1,oops,3\n4,5,6\n') }),
      { exit: 2, code: 'DATA_CELL', text: /data-\d+\.csv, row 2, column b: "oops" is not a number/ },
    ],
    [
      'a label out of range',
      () => ({
        recipe: changed((recipe) =>
          Object.assign(
            recipe,
            idxRecipe(scratch.write('i', idxBytes(3, 12)), scratch.write('l', labelBytes(0, 7, 0))),
            { loss: 'binaryCrossEntropy' },
          ),
        ),
      }),
      { exit: 2, code: 'DATA_LABEL', text: /label 7 of row 2 is not a class from 0 to 1/ },
    ],
    ['an empty set', () => ({ recipe: csvRecipe('a,y\n') }), { exit: 2, code: 'DATA_EMPTY', text: /has no rows/ }],
    [
      'outputs that do not fit',
      () => ({ recipe: smallRecipe(), options: { set: { 'teacher.model.layers[2].dense': 3 } } }),
      { exit: 2, code: 'MODEL_SHAPE', text: /teacher\.model gives outputs of shape \[3\], but the data need \[1\]/ },
    ],
    [
      'a layer that does not fit',
      () => ({ recipe: smallRecipe(), options: { set: { 'student.model.layers[0]': { conv2d: 4, kernel: 3 } } } }),
      { exit: 2, code: 'MODEL_INVALID', text: /student\.model\.layers\[0\] \(conv2d\)/ },
    ],
    [
      'a topology file that does not exist',
      () => ({ recipe: smallRecipe(), options: { set: { 'teacher.model': { topology: 'none.json' } } } }),
      { exit: 2, code: 'MODEL_INVALID', text: /none\.json cannot be read/ },
    ],
    [
      'a backend that is not there, which its worker reports with what to do next',
      () => ({ recipe: smallRecipe(), options: { backend: 'tensorflow' as const } }),
      {
        exit: 3,
        code: 'BACKEND_UNAVAILABLE',
        text: /the tensorflow backend is not installed/,
        next: /^Run `stillhouse backend install tensorflow`/,
      },
    ],
  ];

  test.each(cases)('%s', async (_, make, expected) => {
    const { recipe, options } = make();
    const error = await scratch.refusal(recipe as RecipeInput, options);
    expect([error.code, error.exitCode]).toEqual([expected.code, expected.exit]);
    expect(error.message).toMatch(expected.text);
    expect(error.next).toMatch(expected.next ?? /^[A-Z`].+\.$/);
  });

  test('a recipe that does not exist, or is no YAML, with line and column', async () => {
    expectRefusal(await scratch.run(['run', 'none.yaml']), {
      exit: 2,
      code: 'RECIPE_NOT_FOUND',
      text: /none\.yaml does not exist/,
    });
    const broken = scratch.write('broken.yaml', 'teacher: {\n  a: [1\n');
    expectRefusal(await scratch.run(['run', broken]), {
      exit: 2,
      code: 'RECIPE_SYNTAX',
      text: /broken\.yaml, line \d+, column \d+/,
    });
    const empty = scratch.write('empty.yaml', '');
    expectRefusal(await scratch.run(['run', empty]), { exit: 2, code: 'RECIPE_SYNTAX', text: /is not a recipe/ });
  });

  test('an option that does not exist prints what does', async () => {
    const { code, stderr } = await scratch.run(['run', scratch.recipe(smallRecipe()), '--worker', '2']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/unknown option '--worker'.*Did you mean --workers/s);
    expect((await scratch.run(['--help'])).stdout).toMatch(/Exit codes: 0 done/);
  });

  test('a run folder that exists, one that cannot be written, and one that holds no run', async () => {
    const taken = scratch.out();
    mkdirSync(taken);
    scratch.write(`${taken.split('/').at(-1)}/precious`, 'x');
    expectRefusal(await scratch.run(['run', scratch.recipe(smallRecipe()), '--out', taken]), {
      exit: 2,
      code: 'OUT_EXISTS',
      text: /already exists/,
    });
    expect(readdirSync(taken)).toEqual(['precious']);
    const below = join(scratch.write('a-file', ''), 'out');
    expectRefusal(await scratch.run(['run', scratch.recipe(smallRecipe()), '--out', below]), {
      exit: 3,
      code: 'OUT_UNWRITABLE',
      text: /cannot be created/,
    });
    expectRefusal(await scratch.run(['evaluate', scratch.folder]), {
      exit: 2,
      code: 'RUN_NOT_FOUND',
      text: /has no run\.json/,
    });
    const file = scratch.write('a-file', '');
    for (const [args, code, text] of [
      [['status', scratch.path('nowhere')], 'RUN_NOT_FOUND', /nowhere does not exist$/m],
      [['logs', file], 'RUN_NOT_FOUND', /a-file is not a folder$/m],
      [['ls', file], 'RUN_NOT_FOUND', /a-file is not a folder$/m],
      [['validate', scratch.folder], 'RECIPE_NOT_FOUND', /cannot be read: it is a folder \(EISDIR, read\)$/m],
      [['evaluate', scratch.folder, '--data', file], 'RUN_NOT_FOUND', /has no run\.json$/m],
    ] as const)
      expectRefusal(await scratch.run([...args]), { exit: 2, code, text });
    expectRefusal(await scratch.run(['predict', scratch.folder], { stdin: '1' }), {
      exit: 2,
      code: 'RUN_NOT_FOUND',
      text: /has no run\.json/,
    });
  });

  test('a port in use; no run folder is left behind', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const out = scratch.out();
    expectRefusal(
      await scratch.run(['coordinator', scratch.recipe(smallRecipe()), '--listen', `127.0.0.1:${port}`, '--out', out]),
      { exit: 3, code: 'PORT_IN_USE', text: new RegExp(`127\\.0\\.0\\.1:${port} is already in use`) },
    );
    expect(existsSync(out)).toBe(false);
    server.close();
  });
});

describe('a loss that is not finite', () => {
  let result: Result;
  let out: string;
  beforeAll(async () => {
    out = scratch.out();
    const settings = [
      'teacher.optimizer={name: sgd, learningRate: 1e30}',
      'teacher.model.layers.0.activation=linear',
    ].flatMap((setting) => ['--set', setting]);
    result = await scratch.run(['run', scratch.recipe(smallRecipe()), '--out', out, '--workers', '1', ...settings]);
  });

  test('names step and rank', () => {
    expectRefusal(result, {
      exit: 4,
      code: 'LOSS_NOT_FINITE',
      text: /the loss or gradient of the teacher is not a finite number at step [1-9]\d*, rank [01]/,
    });
  });

  test('also if the weights themselves overflow', async () => {
    const folder = scratch.out();
    const overflow = await scratch.run([
      'run',
      scratch.recipe(smallRecipe()),
      '--out',
      folder,
      '--workers',
      '1',
      '--set',
      'teacher.optimizer={name: sgd, learningRate: 1e300}',
    ]);
    expectRefusal(overflow, {
      exit: 4,
      code: 'LOSS_NOT_FINITE',
      text: /the weights of the teacher overflow in the optimiser's step 0/,
    });
    const tensors = decodeSafetensors(readFileSync(join(folder, 'teacher-last-good', 'model.safetensors')));
    for (const { data } of tensors)
      expect(new Float32Array(Uint8Array.from(data).buffer).every(Number.isFinite)).toBe(true);
  });

  test('leaves the last good weights, all of them finite, and says so in run.json', () => {
    const tensors = decodeSafetensors(readFileSync(join(out, 'teacher-last-good', 'model.safetensors')));
    for (const { data } of tensors)
      expect(new Float32Array(Uint8Array.from(data).buffer).every(Number.isFinite)).toBe(true);
    expect(scratch.readRecord(out)).toMatchObject({ status: 'failed', error: { code: 'LOSS_NOT_FINITE' } });
    expect(existsSync(join(out, 'teacher'))).toBe(false);
  });

  test('is no run to evaluate', async () => {
    expectRefusal(await scratch.run(['evaluate', out]), {
      exit: 2,
      code: 'RUN_INCOMPLETE',
      text: /has no model \(the run is failed\)/,
    });
  });
});

const stepsPerEpoch = Math.ceil(203 / 32);
const recordIn = (line: string): JournalRecord => JSON.parse(line) as JournalRecord;
const longRecipe = (): RecipeInput => smallRecipe({ teacher: { ...smallRecipe().teacher, epochs: 100_000 } });

/** Process ids of this test's workers, found by the run folder's coordinator address that only they were given. */
function workerPids(out: string): number[] {
  return readdirSync(join(out, 'logs'))
    .filter((name) => name.startsWith('worker'))
    .map((name) => (JSON.parse(readFileSync(join(out, 'logs', name), 'utf8').split('\n')[0]) as { pid: number }).pid);
}
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('ends before the end', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops all processes, leaves no orphan, exits 130, and keeps the record and what was trained',
    async (signal) => {
      const out = scratch.out();
      const run = scratch.start(['run', scratch.recipe(longRecipe()), '--out', out]);
      await run.logged(/teacher: epoch \d/);
      const pids = workerPids(out);
      expect(pids.filter(isAlive)).toHaveLength(2);
      run.child.kill(signal);
      const result = await run.result;
      expectRefusal(result, { exit: 130, code: 'INTERRUPTED', text: /interrupted/ });
      expect(pids.filter(isAlive)).toEqual([]);
      expect(scratch.readRecord(out)).toMatchObject({ status: 'failed', error: { code: 'INTERRUPTED' } });
      const journal = readFileSync(join(out, 'journal.jsonl'), 'utf8').trim().split('\n').map(recordIn);
      const epochs = journal.filter(({ type }) => type === 'epoch').length;
      const newest = journal.findLast((line) => line.type === 'checkpoint')!;
      expect(newest.record.ops).toBeGreaterThanOrEqual(epochs * stepsPerEpoch);
      const state = JSON.parse((await scratch.run(['status', out, '--json'])).stdout) as RunState;
      expect(state.status!.checkpoint).toEqual({ phase: 'teacher', ops: newest.record.ops });
      expect((await scratch.run(['run', scratch.recipe(longRecipe()), '--out', out])).stderr).toContain(
        `continue that with \`stillhouse run --resume ${out}\``,
      );
    },
  );

  test('Ctrl-C at a terminal reaches the whole process group: still one clean end', async () => {
    const out = scratch.out();
    const run = scratch.start(['run', scratch.recipe(longRecipe()), '--out', out]);
    await run.logged(/teacher: epoch \d/);
    const pids = workerPids(out);
    for (const pid of [...pids, run.child.pid!]) process.kill(pid, 'SIGINT');
    expectRefusal(await run.result, { exit: 130, code: 'INTERRUPTED', text: /interrupted/ });
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('a killed coordinator leaves no orphan', async () => {
    const again = scratch.out();
    const orphaned = scratch.start(['run', scratch.recipe(longRecipe()), '--out', again]);
    await orphaned.logged(/teacher: epoch \d/);
    const pids = workerPids(again);
    orphaned.child.kill('SIGKILL');
    await orphaned.result;
    for (let tries = 0; tries < 50 && pids.some(isAlive); tries++) await delay(100);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

test('a worker with another protocol version is refused by the coordinator, and the run goes on waiting', async () => {
  const coordinator = scratch.start([
    'coordinator',
    scratch.recipe(smallRecipe()),
    '--listen',
    '127.0.0.1:0',
    '--out',
    scratch.out(),
    '--token',
    'secret',
  ]);
  const address = /ws:\S+:\d+/.exec(await coordinator.logged(/listening at .*\n/))![0];
  const link = await webSocketTransport.connect(address);
  const answer = new Promise<ToWorker>((resolve) => link.onFrame((frame) => resolve(decodeToWorker(frame))));
  link.send(
    ...encodeMessage({
      type: 'hello',
      protocol: protocolVersion + 1,
      version: '9.9.9',
      token: 'secret',
      host: 'elsewhere',
      instance: 'x',
      term: 0,
    }),
  );
  expect(await answer).toMatchObject({
    type: 'rejected',
    error: { code: 'PROTOCOL_VERSION', message: expect.stringContaining('stillhouse 9.9.9') },
  });
  const garbage = await webSocketTransport.connect(address);
  const refusal = new Promise<ToWorker>((resolve) => garbage.onFrame((frame) => resolve(decodeToWorker(frame))));
  garbage.send(Uint8Array.of(0xc1, 1, 2));
  expect(await refusal).toMatchObject({ type: 'rejected', error: { code: 'PROTOCOL_VIOLATION' } });
  const wrong = await scratch.run(['worker', '--coordinator', address, '--token', 'guess']);
  expect(wrong).toMatchObject({ code: 3, stderr: expect.stringMatching(/TOKEN_REJECTED/) });
  expect((await scratch.run(['worker', '--coordinator', address, '--token', 'secret'])).code).toBe(0);
  expect((await coordinator.result).code).toBe(0);
});

test('a coordinator that is not there', async () => {
  const { code, stderr } = await scratch.run(['worker', '--coordinator', 'ws://127.0.0.1:9']);
  expect(code).toBe(3);
  expect(stderr).toMatch(/COORDINATOR_UNREACHABLE: no connection to ws:\/\/127\.0\.0\.1:9/);
});

test('a recipe written by hand survives: its file is never touched', async () => {
  const file = scratch.write('mine.yaml', stringify(smallRecipe()));
  const before = readFileSync(file, 'utf8');
  await scratch.train(file);
  expect(readFileSync(file, 'utf8')).toBe(before);
});
