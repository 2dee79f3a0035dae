// Every recipe of docs/data.md, run by the library; what `data inspect` and `data prepare` say; sources that change.
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseRecipe, sourceKeyOf, type RecipeInput } from '@stillhouse/core';
import { evaluate, predict } from 'stillhouse';
import { npy, writeFixtures } from '../fixtures.js';
import { sourceKeys } from '../source-keys.js';
import { canHide, hiding, Scratch } from './cli.js';

const scratch = new Scratch();
let folder: string;
beforeAll(async () => {
  folder = scratch.path('fixtures');
  mkdirSync(folder, { recursive: true });
  await writeFixtures(folder);
});
afterAll(() => scratch.clean());

const documented = [
  ...readFileSync(new URL('../../docs/data.md', import.meta.url), 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g),
].map(([, text]) => ({ text, recipe: parse(text) as RecipeInput }));

describe('the recipes of docs/data.md', () => {
  test.each(documented)('$recipe.name', async ({ text, recipe }) => {
    // Where rows are drawn in proportions each epoch draws others, which the coordinator checks.
    const isSampled = recipe.data.sampling !== undefined || 'mix' in recipe.data.large;
    const { record } = await scratch.train(writeIn('recipe.yaml', text), {
      backend: 'cpu',
      ...(isSampled ? { workers: 2 } : {}),
    });
    expect(record).toMatchObject({
      status: 'done',
      teacher: { phase: 'teacher', dataWait: { share: expect.any(Number) } },
    });
    for (const epoch of isSampled ? [] : record.teacher!.epochs)
      expect([epoch.rows, epoch.rowsDigest]).toEqual([
        record.dataset.rows['large'],
        record.teacher!.expectedRowsDigest,
      ]);
  });

  test('there is one for each source that the schema knows', () => {
    const used: string[] = documented.map(({ recipe }) => sourceKeyOf(parseRecipe(recipe).data.large));
    expect(sourceKeys.filter((kind) => !used.includes(kind))).toEqual([]);
  });
});

function writeIn(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

test('rows of one owner are on one side, and what is predicted fits the rows that were trained on', async () => {
  const { text } = documented.find(({ recipe }) => recipe.name === 'csv')!;
  const { record, folder: out } = await scratch.train(writeIn('recipe.yaml', text), {
    backend: 'cpu',
    set: { 'teacher.epochs': 40 },
  });
  const { large, largeValidation, test: held } = record.dataset.rows;
  expect(large + largeValidation + held).toBe(240);
  const rows = readFileSync(join(folder, 'houses.csv'), 'utf8').trim().split('\n').slice(0, 4);
  const { stdout, stderr } = await scratch.run(['predict', out], { stdin: `${rows.join('\n')}\n` });
  expect(stderr).toBe('');
  const prices = rows.slice(1).map((row) => Number(row.split(',').at(-1)));
  stdout
    .trim()
    .split('\n')
    .slice(1)
    .forEach((line, i) => expect(Math.abs(Number(line.split(',').at(-1)) - prices[i]) / prices[i]).toBeLessThan(0.5));
});

describe('a transformed target', () => {
  const prices = Array.from({ length: 60 }, (_, i) => Math.exp(5 + 2 * Math.sin(i)));
  const models = {
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 1 }] }, epochs: 3 },
  } as const;
  const rmseOf = (values: readonly number[]): number =>
    Math.sqrt(values.reduce((sum, value, i) => sum + (value - prices[i]) ** 2, 0) / prices.length);

  test('of a table is undone by metrics, evaluate and predict', async () => {
    const text = `a,price\n${prices.map((price, i) => `${Math.sin(i)},${price}`).join('\n')}\n`;
    const file = { csv: writeIn('prices.csv', text) };
    const recipe = { ...models, data: { large: file, test: file, table: { target: 'price' }, targetTransform: 'log' } };
    const { record, folder: out } = await scratch.train(scratch.recipe(recipe), { backend: 'cpu' });
    const predictions = await predict(out, text, { backend: 'cpu' });
    const values = predictions.map(({ values: [value] = [] }) => value);
    expect(rmseOf(values) / Number(record.teacher!.test['rmse'])).toBeCloseTo(1, 4);
    expect((await evaluate(out, { backend: 'cpu' })).teacher!.rmse! / rmseOf(values)).toBeCloseTo(1, 4);
    // Three epochs are few; an undone prediction is a price, nevertheless.
    expect(Math.min(...values)).toBeGreaterThan(0);
  });

  test('of arrays is, too', async () => {
    const arrayIn = (name: string, numbers: readonly number[], shape: readonly number[]): string => {
      writeFileSync(join(folder, name), npy('<f8', shape, new Uint8Array(Float64Array.from(numbers).buffer)));
      return join(folder, name);
    };
    const angles = prices.map((_, i) => Math.sin(i));
    const inputs = arrayIn('angles.npy', angles, [60, 1]);
    const source = { npy: { inputs, labels: arrayIn('prices.npy', prices, [60]) } };
    const recipe = { ...models, data: { large: source, test: source, targetTransform: 'yeoJohnson' } };
    const { record, folder: out } = await scratch.train(scratch.recipe(recipe), { backend: 'cpu' });
    const predictions = await predict(
      out,
      angles.map((angle) => [angle]),
      { backend: 'cpu' },
    );
    const rmse = rmseOf(predictions.map(({ values: [value] = [] }) => value));
    expect(rmse / Number(record.teacher!.test['rmse'])).toBeCloseTo(1, 4);
    expect((await evaluate(out, { backend: 'cpu' })).teacher!.rmse! / rmse).toBeCloseTo(1, 4);
  });
});

test('a key that changes nothing is named when the run starts', async () => {
  const recipe = { name: 'inert', ...documented.find(({ recipe: { name } }) => name === 'generator')!.recipe };
  const warnings: string[] = [];
  await scratch.train(scratch.recipe({ ...recipe, data: { ...recipe.data, table: { target: 'y' } } }), {
    backend: 'cpu',
    set: { 'teacher.epochs': 1 },
    onWarning: (text) => warnings.push(text),
  });
  expect(warnings).toEqual([expect.stringMatching(/^data.table is \{.*\}, which changes nothing: no set is a table$/)]);
});

test('a student with its own class and column trains on two backends, evaluates and predicts as tested', async () => {
  const { recipe } = documented.find(({ recipe }) => recipe.name === 'further')!;
  const of = {
    ...recipe,
    teacher: { ...recipe.teacher, epochs: 8 },
    student: { ...recipe.student!, epochs: 25, batch: 24, optimizer: { name: 'adam', learningRate: 0.05 } },
  };
  const path = writeIn(
    'further.json',
    JSON.stringify({ ...of, data: { ...of.data, small: { ...of.data.small, perClass: 60 } } }),
  );
  const rows = readFileSync(join(folder, 'houses.csv'), 'utf8').trim().split('\n');
  const trained = await scratch.trainByCommand(path, ['--backend', 'wasm']);
  expect(trained.stderr).toMatch(/columns of data.small that only the student gets: price/);
  expect(trained.stderr).toMatch(/classes of data.small that the teacher does not know: Kyoto/);
  for (const [backend, { record, folder: out }] of [
    ['wasm', trained],
    ['cpu', await scratch.train(path, { backend: 'cpu' })],
  ] as const) {
    const { teacher, student, baseline } = record;
    expect([student!.test['rows'], baseline!.test['rows']]).toEqual([240, 240]);
    expect(teacher!.test['rows']).toBeLessThan(200);
    // Sums are added up rank by rank there, and row by row here.
    const near = (test: object): object =>
      Object.fromEntries(Object.entries(test).map(([name, value]) => [name, expect.closeTo(value as number, 9)]));
    expect(await evaluate(out, { backend })).toEqual({
      teacher: near(teacher!.test),
      student: near(student!.test),
      baseline: near(baseline!.test),
    });
    const predicted = (await predict(out, rows.join('\n'), { backend })).map((each) => 'class' in each && each.class);
    expect(predicted).toContain('Kyoto');
    const right = predicted.filter((city, i) => rows[i + 1].split(',')[3] === city).length;
    expect(right / 240).toBeCloseTo(student!.test['accuracy'] as number, 6);
    expect(right).toBeGreaterThan(100);
  }
});

test('augmented images give the same weights on any number of workers', async () => {
  const { text } = documented.find(({ recipe }) => recipe.name === 'folder')!;
  const weights = await Promise.all(
    [{}, { workers: 3 }].map(
      async (options) =>
        (await scratch.train(writeIn('recipe.yaml', text), { backend: 'cpu', ...options })).record.teacher!
          .weightsSha256,
    ),
  );
  expect(new Set(weights).size).toBe(1);
  const { record } = await scratch.train(writeIn('recipe.yaml', text), {
    backend: 'cpu',
    set: { 'teacher.augment': null },
  });
  expect(record.teacher!.weightsSha256).not.toBe(weights[0]);
});

describe('stillhouse data inspect', () => {
  test.each([
    ['houses.csv.gz', /240 rows[\s\S]*city +category[\s\S]*Kyoto \(\d+\)[\s\S]*target: price[\s\S]*missing: mean/],
    ['logs/*.parquet', /240 rows[\s\S]*area +number/],
    ['houses.jsonl', /240 rows[\s\S]*owner +category/],
    ['arrays.npz', /240 rows[\s\S]*inputs: 12 of F32/],
    ['photos', /60 rows[\s\S]*32 × 32 × 3 of U8[\s\S]*labels: cat \(30\), dog \(30\)[\s\S]*softmaxCrossEntropy/],
    ['pictures-images-idx3-ubyte', /labels: 0 \(80\), 1 \(80\), 2 \(80\)/],
  ])('%s', async (path, expected) => {
    const { code, stdout } = await scratch.run(['data', 'inspect', join(folder, path)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(expected);
    const suggested = stdout.slice(stdout.indexOf('A recipe to start from:')).split('\n').slice(2).join('\n');
    expect(() => parseRecipe(parse(suggested))).not.toThrow();
  });
});

describe('stillhouse data prepare', () => {
  const recipe: RecipeInput = {
    name: 'prepared',
    ranks: 2,
    loss: 'mse',
    data: { large: { csv: 'big.csv' }, test: { csv: 'big.csv', take: 20 }, table: { target: 'y' } },
    teacher: { model: { layers: [{ dense: 1 }] }, epochs: 1, batch: 1024 },
  };
  const rowsOf = (count: number): string => {
    const rows = Array.from({ length: count }, (_, i) => [(i * 7919) % 1000, (i * 104_729) % 977, i % 100].join(','));
    return `${['a,b,y', ...rows].join('\n')}\n`;
  };

  test('a run uses what was prepared, and refuses a source that has changed since', async () => {
    const csv = writeIn('big.csv', rowsOf(2000));
    const path = writeIn('prepared.json', JSON.stringify(recipe));
    const first = await scratch.run(['data', 'prepare', path]);
    expect(first.stdout).toMatch(/large +2,000 +1\n[\s\S]*Prepared: /);
    expect((await scratch.run(['data', 'prepare', path])).stdout).toContain('Already prepared');
    await scratch.train(path, { backend: 'cpu' });
    appendFileSync(csv, '1,2,3\n');
    const refused = await scratch.run(['run', path, '--out', scratch.out()]);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/DATA_CHANGED: .*big\.csv has changed since/),
    ]);
    expect((await scratch.run(['data', 'prepare', path, '--again'])).stdout).toMatch(/large +2,001/);
    const { record } = await scratch.train(path, { backend: 'cpu' });
    expect(record.dataset.rows['large']).toBe(2001);
  });

  test('one that is killed goes on where it was, and gives the same blocks', async () => {
    writeIn('big.csv', rowsOf(250_000));
    const path = writeIn('killed.json', JSON.stringify({ ...recipe, name: 'killed' }));
    const whole = JSON.parse(
      (await scratch.run(['data', 'prepare', path, '--json'], { env: { STILLHOUSE_PREPARED: scratch.path('other') } }))
        .stdout,
    ) as { folder: string };
    const blocksIn = (at: string): string[] => readdirSync(at).sort();
    const partial = scratch.path('killed');
    const victim = scratch.start(['data', 'prepare', path], { env: { STILLHOUSE_PREPARED: partial } });
    const written = (): string[] =>
      readdirSync(scratch.folder).includes('killed')
        ? readdirSync(partial, { recursive: true, encoding: 'utf8' }).filter((name) => /[0-9a-f]{64}$/.test(name))
        : [];
    for (let tries = 0; written().length < 2 && tries < 2000; tries++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    victim.child.kill('SIGKILL');
    await victim.result;
    const before = written().length;
    expect(before).toBeGreaterThanOrEqual(2);
    expect(before).toBeLessThan(blocksIn(whole.folder).length);
    const times = new Map(written().map((name) => [name.slice(-64), statSync(join(partial, name)).mtimeMs]));
    const resumed = JSON.parse(
      (await scratch.run(['data', 'prepare', path, '--json'], { env: { STILLHOUSE_PREPARED: partial } })).stdout,
    ) as { folder: string };
    expect(blocksIn(resumed.folder)).toEqual(blocksIn(whole.folder));
    // What had been written was not written again.
    const kept = [...times].filter(([name, time]) => statSync(join(resumed.folder, name)).mtimeMs === time);
    expect(kept.length).toBeGreaterThanOrEqual(times.size - 1);
  });
});

test.skipIf(!canHide)(
  'a set beyond 64 MiB, over the network: the same bits as from a shared folder, with a cache and with a full ' +
    'disk (skipped if mounts cannot be made: run as root)',
  async () => {
    // 75 MB.
    const [rows, width] = [37_500, 500];
    const inputs = Float32Array.from({ length: rows * width }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5);
    const labels = Float32Array.from({ length: rows }, (_, row) => inputs[row * width] + inputs[row * width + 1]);
    scratch.write('wide.npy', npy('<f4', [rows, width], new Uint8Array(inputs.buffer)));
    scratch.write('sums.npy', npy('<f4', [rows], new Uint8Array(labels.buffer)));
    const source = { npy: { inputs: 'wide.npy', labels: 'sums.npy' } };
    const recipe = scratch.recipe({
      name: 'network',
      ranks: 3,
      seed: 4,
      loss: 'mse',
      data: { large: source, test: { ...source, take: 100 } },
      teacher: { model: { layers: [{ dense: 2 }, { dense: 1 }] }, batch: 1500, epochs: 2 },
    });
    const { record } = await scratch.train(recipe, { backend: 'wasm' });
    expect(record.teacher!.epochs.map(({ rowsDigest }) => rowsDigest)).toEqual(
      Array(2).fill(record.teacher!.expectedRowsDigest),
    );
    const coordinator = scratch.start([
      'coordinator',
      recipe,
      '--listen',
      '127.0.0.1:0',
      '--workers',
      '2',
      '--out',
      scratch.out(),
      '--token',
      'secret',
      '--json',
    ]);
    const address = /ws:\S+:\d+/.exec(await coordinator.logged(/listening at .*\n/))![0];
    const cache = scratch.path('worker-cache');
    const tiny = scratch.path('tiny');
    const within = hiding(scratch.path('prepared'), tiny);
    const workers = await Promise.all(
      [cache, tiny].map((folder) =>
        scratch.run(['worker', '--coordinator', address, '--token', 'secret', '--backend', 'wasm'], {
          within,
          env: { STILLHOUSE_CACHE: folder },
        }),
      ),
    );
    const { code, stdout } = await coordinator.result;
    expect([code, ...workers.map((worker) => worker.code)]).toEqual([0, 0, 0]);
    expect((JSON.parse(stdout) as { teacher: { weightsSha256: string } }).teacher.weightsSha256).toBe(
      record.teacher!.weightsSha256,
    );
    expect(readdirSync(join(cache, 'blocks')).length).toBeGreaterThan(10);
    const came = workers.map(({ stderr }) =>
      /blocks: \d+ from disk, (\d+) from other workers, (\d+) from the coordinator/.exec(stderr)!.slice(1).map(Number),
    );
    // The worker that keeps blocks hands them out; the other one has none to hand out.
    expect(came[1][0]).toBeGreaterThan(10);
    expect(came[0][1] + came[1][1]).toBeGreaterThan(70);
    expect(workers[1].stderr).toMatch(/blocks cannot be written: .*ENOSPC.*fetched again when they are needed again/);
  },
);

describe('blocks', () => {
  const recipe: RecipeInput = {
    name: 'blocks',
    ranks: 2,
    loss: 'mse',
    data: { large: { generator: 'friedman1', rows: 60_000 }, test: { generator: 'friedman1', rows: 50, seed: 1 } },
    teacher: { model: { layers: [{ dense: 4 }, { dense: 1 }] }, batch: 1000, epochs: 1 },
  };

  test('one that is spoilt on disk is named, prepared anew, and the result is the same', async () => {
    const path = scratch.recipe(recipe);
    const { record } = await scratch.train(path, { backend: 'cpu' });
    const { folder: blocks } = JSON.parse((await scratch.run(['data', 'prepare', path, '--json'])).stdout) as {
      folder: string;
    };
    const file = join(blocks, readdirSync(blocks).sort()[0]);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(file, bytes);
    // Without what workers have kept of the network: they would take the block from there.
    const again = await scratch.trainByCommand(path, ['--backend', 'cpu'], {
      env: { STILLHOUSE_CACHE: scratch.path('cache') },
    });
    expect(again.record.teacher!.weightsSha256).toBe(record.teacher!.weightsSha256);
    expect(again.record.incidents.map(({ what }) => what).join()).toContain(file);
  });
});

test('rows of a pool teach what the same rows of the large set do, without their labels', async () => {
  const rows = Array.from({ length: 90 }, (_, i) => [((i * 7) % 31) / 31, ((i * 11) % 17) / 17]);
  const labelled = scratch.write('labelled.csv', ['a,b,y', ...rows.map(([a, b]) => `${a},${b},${a * b}`)].join('\n'));
  const unlabelled = scratch.write('unlabelled.csv', ['a,b', ...rows.map(([a, b]) => `${a},${b}`)].join('\n'));
  const recipe = (from: 'large' | 'pool'): RecipeInput => ({
    seed: 3,
    ranks: 2,
    data: {
      large: { csv: labelled },
      small: { csv: labelled, take: 20 },
      test: { csv: labelled },
      pool: { csv: unlabelled },
      table: { target: 'y' },
    },
    loss: 'mse',
    teacher: { model: { layers: [{ dense: 8, activation: 'tanh' }, { dense: 1 }] }, epochs: 3 },
    student: { model: { layers: [{ dense: 4, activation: 'tanh' }, { dense: 1 }] }, epochs: 4, batch: 8 },
    distill: { transfer: [{ from, rows: 2 }] },
  });
  const [fromLarge, fromPool] = [await scratch.trainByCommand(recipe('large')), await scratch.train(recipe('pool'))];
  expect(fromPool.record.student!.weightsSha256).toBe(fromLarge.record.student!.weightsSha256);
  expect(fromPool.record.dataset.rows['pool']).toBe(90);
  expect(fromLarge.stderr).toContain('data.pool is not used');
});
