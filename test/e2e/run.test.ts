// What a run leaves: run.json to its published schema, models that can be read back, and the commands that use them.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { decodeSafetensors, parseRecipe, recipeJsonSchema, type RunRecord } from '@stillhouse/core';
import { protocolVersion } from '@stillhouse/core/cluster';
import { root, Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const validate = (schema: object, value: unknown): unknown => {
  const check = new Ajv2020({ strict: false }).compile(schema);
  return check(value) ? [] : check.errors;
};

describe('a run folder', () => {
  let folder: string;
  let record: RunRecord;
  let stderr: string;
  beforeAll(
    async () =>
      void ({ folder, record, stderr } = await scratch.trainByCommand(
        smallRecipe({ teacher: { ...smallRecipe().teacher, validation: 0.1 } }),
        ['--workers', '2'],
      )),
  );

  test('run.json fits the schema that `stillhouse schema run` prints, and holds what was printed', async () => {
    const { stdout } = await scratch.run(['schema', 'run']);
    expect(validate(JSON.parse(stdout) as object, scratch.readRecord(folder))).toEqual([]);
    expect(record).toMatchObject({
      status: 'done',
      name: 'small',
      seed: 3,
      versions: { stillhouse: '0.1.0', protocol: protocolVersion },
    });
    expect(record.recipeSha256).toBe(createHash('sha256').update(JSON.stringify(record.recipe)).digest('hex'));
    expect(record.teacher).toMatchObject({ workers: 2, steps: 12, samples: 366, parameters: 193, bytes: 772 });
    expect(record.teacher!.epochs.map((epoch) => epoch.validation!.rows)).toEqual([20, 20]);
    expect(record.dataset.rows).toEqual({ large: 183, largeValidation: 20, small: 30, test: 50 });
  });

  test.each(['teacher', 'student', 'baseline'] as const)(
    '%s: weightsSha256 is the hash of the trainable weights as little-endian fp32',
    (name) => {
      const tensors = decodeSafetensors(readFileSync(join(folder, name, 'model.safetensors')));
      const hash = createHash('sha256');
      for (const { data } of tensors) hash.update(data);
      expect(hash.digest('hex')).toBe(record[name]!.weightsSha256);
      expect(readFileSync(join(folder, name, 'weights.bin')).byteLength).toBe(record[name]!.bytes);
    },
  );

  test('events.jsonl and the logs tell the story', () => {
    const events = readFileSync(join(folder, 'events.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { at: string; type: string });
    expect(events.map((event) => event.type)).toEqual(
      expect.arrayContaining(['joined', 'phaseAssigned', 'phaseStarted', 'epoch', 'phaseDone']),
    );
    expect(events.every((event) => !Number.isNaN(Date.parse(event.at)))).toBe(true);
    for (const log of ['coordinator.log', 'worker-1.log', 'worker-2.log']) {
      const lines = readFileSync(join(folder, 'logs', log), 'utf8')
        .trim()
        .split('\n');
      expect(lines.map((line) => JSON.parse(line) as object).length).toBeGreaterThan(0);
    }
  });

  test('--workers auto takes what the cores allow, with the same result', async () => {
    const recipe = smallRecipe({ teacher: { ...smallRecipe().teacher, validation: 0.1 } });
    const { record: auto } = await scratch.trainByCommand(recipe, ['--workers', 'auto']);
    expect(auto.workers).toHaveLength(Math.min(2, availableParallelism()));
    expect(auto.teacher!.weightsSha256).toBe(record.teacher!.weightsSha256);
    expect((await scratch.run(['run', 'x.yaml', '--workers', 'many'])).code).toBe(2);
  });

  test('elsewhere than on a terminal, progress is plain lines', () => {
    expect(stderr).toMatch(/^teacher: epoch 2\/2 {2}loss [\d.]+ {2}validation r2 [-\d.]+.* rows\/s$/m);
    // oxlint-disable-next-line no-control-regex
    expect(stderr).not.toMatch(/\u001b/);
  });

  test('evaluate gives the metrics of run.json only from the files', async () => {
    const { stdout } = await scratch.run(['evaluate', folder, '--json']);
    const metrics = JSON.parse(stdout) as Record<string, { rmse: number }>;
    for (const name of ['teacher', 'student', 'baseline'] as const)
      expect(metrics[name].rmse).toBeCloseTo(record[name]!.test['rmse'] as number, 6);
    expect((await scratch.run(['evaluate', folder])).stdout).toMatch(/teacher +[-\d.]+ +[-\d.]+/);
  });

  test('predict reads rows and prints one line each', async () => {
    const row = Array.from({ length: 10 }, (_, i) => i / 10);
    const { stdout, code } = await scratch.run(['predict', folder, '--model', 'teacher'], {
      stdin: `${row.join(',')}\n${JSON.stringify(row)}\n`,
    });
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe(lines[1]);
    expect(Number.isFinite(Number(lines[0]))).toBe(true);
    const bad = await scratch.run(['predict', folder], { stdin: '1,2,3\n' });
    expect(bad).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('PREDICT_ROW: standard input, row 1 has 3 values; the model takes 10'),
    });
  });

  test('without --json a table ends the run, with the path of what it wrote', async () => {
    const out = scratch.out();
    const { stdout } = await scratch.run(['run', scratch.recipe(smallRecipe()), '--out', out]);
    expect(stdout).toMatch(/parameters +bytes +test r2 +test rmse +test mae +time/);
    expect(stdout).toMatch(/^teacher +193 +772 /m);
    expect(stdout).toMatch(/^student \(distilled\) +49 +196 /m);
    expect(stdout).toMatch(/^student \(baseline\) +49 +196 /m);
    expect(stdout).toContain(`Written to ${out}`);
  });
});

describe('recipes', () => {
  test('YAML, JSON and TypeScript give the same run; TypeScript is typed by defineRecipe', async () => {
    const recipe = smallRecipe({ student: undefined, distill: undefined });
    const json = scratch.write('recipe.json', JSON.stringify(recipe));
    const ts = scratch.write(
      'recipe.ts',
      `import { defineRecipe } from 'stillhouse';\nexport default defineRecipe(${JSON.stringify(recipe)});\n`,
    );
    const hashes = [];
    for (const file of [scratch.recipe(JSON.parse(JSON.stringify(recipe)) as object), json, ts])
      hashes.push((await scratch.train(file)).record.recipeSha256);
    expect(new Set(hashes).size).toBe(1);
  });

  test('every example fits the schema that `stillhouse schema` prints', async () => {
    const schema = JSON.parse((await scratch.run(['schema'])).stdout) as object;
    expect(schema).toEqual(JSON.parse(JSON.stringify(recipeJsonSchema())));
    for (const name of ['friedman', 'noise', 'mnist'])
      expect(validate(schema, parse(readFileSync(join(root, 'examples', name, 'recipe.yaml'), 'utf8')))).toEqual([]);
  });

  test.each(['README.md', 'docs/running.md'])('the recipe of %s is one', (page) => {
    const examples = [...readFileSync(join(root, page), 'utf8').matchAll(/```yaml\n([^]*?)```/g)].map(
      ([, text]) => text,
    );
    // Others show a part of one.
    const whole = examples.find((text) => /^data:/m.test(text))!;
    expect(parseRecipe(parse(whole))).toMatchObject({ ranks: 4, teacher: { batch: 256 } });
  });

  test('models from a topology file and from a module train to the same bits on any number of workers', async () => {
    const { folder } = await scratch.train(smallRecipe());
    scratch.write(
      'model.mjs',
      'export const small = ({ tf, inputShape, outputs }) => tf.sequential({ layers: [tf.layers.dense({ units: ' +
        '5, inputShape, activation: "tanh" }), tf.layers.dropout({ rate: 0.1 }), tf.layers.dense({ units: ' +
        'outputs })] });',
    );
    const recipe = smallRecipe({
      teacher: { model: { topology: join(folder, 'teacher', 'model.json') }, epochs: 1 },
      student: { model: { module: 'model.mjs', export: 'small' }, epochs: 1 },
    });
    const [one, two] = [await scratch.train(recipe), await scratch.train(recipe, { workers: 2 })];
    expect([two.record.teacher!.weightsSha256, two.record.student!.weightsSha256]).toEqual([
      one.record.teacher!.weightsSha256,
      one.record.student!.weightsSha256,
    ]);
    expect(one.record.student!.parameters).toBe(61);
  });

  test('a CSV with classes and categories: trained, evaluated, predicted by name', async () => {
    const rows = Array.from({ length: 120 }, (_, i) => `${i % 7},${i % 2 ? 'red' : 'blue'},${i % 2 ? 'yes' : 'no'}`);
    const file = scratch.write('classes.csv', `size,colour,answer\n${rows.join('\n')}\n`);
    const model = { layers: [{ dense: 8, activation: 'relu' as const }, { dense: 2 }] };
    const { folder, record } = await scratch.train({
      data: { large: { csv: file }, test: { csv: file }, table: { target: 'answer' } },
      loss: 'softmaxCrossEntropy',
      teacher: { model, epochs: 15, optimizer: { name: 'adam', learningRate: 0.02 } },
    });
    expect(record.teacher!.test['errors']).toBe(0);
    const given = scratch.write('new.csv', 'id;colour;size\n7;red;3\n8;blue;2\n9;green;1\n');
    const { stdout, stderr } = await scratch.run(['predict', folder, given, '--delimiter', ';', '--proba']);
    const [header, ...lines] = stdout.trim().split('\n');
    expect(header).toBe('id;colour;size;prediction;probability_no;probability_yes');
    expect(lines.map((line) => line.split(';').slice(0, 4).join())).toEqual([
      '7,red,3,yes',
      '8,blue,2,no',
      expect.stringMatching(/^9,green,1,/),
    ]);
    expect(stderr).toContain(
      `warning: ${given}: column colour of 1 of 3 rows has a category that the training rows did not have (the first ` +
        'is "green" in row 3)',
    );
    expect((await scratch.run(['evaluate', folder])).stderr).toBe('');
    writeFileSync(file, `${readFileSync(file, 'utf8')}3,red,no\n`);
    const { stderr: warned } = await scratch.run(['evaluate', folder]);
    expect(warned).toContain(`warning: ${file} has changed since the run read it: the metrics are those of the rows`);
    expect(warned).toContain('warning: there are 121 test rows, and the run had 120');
    expect((await scratch.run(['report', folder])).stderr).toBe(warned);
    // The training rows are gone; the model has its preprocessing.
    const others = scratch.write('others.csv', 'answer,colour,size,new\nyes,red,3,1\nno,red,1,1\n');
    rmSync(file);
    rmSync(scratch.path('prepared'), { recursive: true, force: true });
    const onOthers = await scratch.run(['evaluate', folder, '--data', others, '--json']);
    expect(JSON.parse(onOthers.stdout), onOthers.stderr).toMatchObject({ teacher: { rows: 2, errors: 1 } });
    const alone = await scratch.run(['predict', join(folder, 'teacher'), '-'], { stdin: 'colour,size\nred,3\n' });
    expect(alone.stdout).toMatch(/^colour,size,prediction,probability\nred,3,yes,0\.\d+\n$/);
    const first = JSON.parse(
      (await scratch.run(['predict', folder, '--json'], { stdin: 'colour,size\nred,3\n' })).stdout,
    ) as { class: string; probabilities: number[] };
    expect(first.class).toBe('yes');
    expect(first.probabilities[0] + first.probabilities[1]).toBeCloseTo(1, 6);
  });

  test('a CSV target in large units is scaled for training, and measured and predicted in its own units', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => `${i % 20},${50_000 + 1_000 * (i % 20)}`);
    const file = scratch.write('prices.csv', `size,price\n${rows.join('\n')}\n`);
    const model = { layers: [{ dense: 1 }] };
    const { folder, record } = await scratch.train({
      data: { large: { csv: file }, test: { csv: file }, table: { target: 'price' } },
      loss: 'mse',
      teacher: { model, epochs: 40, optimizer: { name: 'sgd', learningRate: 0.1 } },
    });
    expect(record.teacher!.test['r2']).toBeGreaterThan(0.9999);
    expect(record.teacher!.test['rmse']).toBeLessThan(50);
    const { stdout } = await scratch.run(['predict', folder], { stdin: 'size\n0\n10\n' });
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toBe('size,prediction');
    expect(lines.slice(1).map((line) => Number(line.split(',')[1]))).toEqual([
      expect.closeTo(50_000, -2),
      expect.closeTo(60_000, -2),
    ]);
    const evaluated = JSON.parse((await scratch.run(['evaluate', folder, '--json'])).stdout) as {
      teacher: { rmse: number };
    };
    expect(evaluated.teacher.rmse).toBeCloseTo(record.teacher!.test['rmse'] as number, 4);
  });

  test('a loss that knows how sure it is: deviations are predicted and grow where the noise does', async () => {
    const line = (i: number): string => {
      const a = (i % 97) / 97;
      return `${a},${100 + 50 * a + 20 * a * Math.sin(i * 12.9898)}`;
    };
    const csv = scratch.write('noisy.csv', ['a,y', ...Array.from({ length: 400 }, (_, i) => line(i))].join('\n'));
    const small = { layers: [{ dense: 16, activation: 'tanh' as const }, { dense: 2 }] };
    const { record, folder } = await scratch.train({
      name: 'noisy',
      seed: 1,
      ranks: 1,
      data: { large: { csv }, small: { csv, take: 64 }, test: { csv }, table: { target: 'y' } },
      loss: 'gaussian',
      teacher: { model: small, epochs: 40, optimizer: { name: 'adam', learningRate: 0.02 } },
      student: { model: small, epochs: 60, optimizer: { name: 'adam', learningRate: 0.02 } },
    });
    expect(record.student!.test['r2']).toBeGreaterThan(0.5);
    const { stdout } = await scratch.run(['predict', folder], { stdin: 'a\n0.1\n0.9\n' });
    const [[low, lowDeviation], [high, highDeviation]] = stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((text) => text.split(',').slice(1).map(Number));
    expect(Math.abs(low - 105)).toBeLessThan(8);
    expect(Math.abs(high - 145)).toBeLessThan(12);
    expect(highDeviation).toBeGreaterThan(2 * lowDeviation);
    const json = await scratch.run(['predict', folder, '--json'], { stdin: 'a\n0.1\n' });
    expect(JSON.parse(json.stdout)).toEqual({
      values: [expect.closeTo(low, 3)],
      deviations: [expect.closeTo(lowDeviation, 3)],
    });
    expect((await scratch.run(['report', folder])).code).toBe(0);
    expect(readFileSync(`${folder}/report.html`, 'utf8')).toMatch(/<span>1\d\d\.\d ± \d/);
  });

  test('early stopping ends a phase and says why', async () => {
    const { record } = await scratch.train(
      smallRecipe({
        teacher: {
          ...smallRecipe().teacher,
          epochs: 50,
          validation: 0.2,
          optimizer: { name: 'sgd', learningRate: 1e-9 },
          earlyStopping: { patience: 2, minDelta: 0.1 },
        },
        student: undefined,
        distill: undefined,
      }),
    );
    expect(record.teacher!.stopped).toBe('stopped after epoch 3: loss has not improved for 2 epochs');
    expect(record.teacher!.epochs).toHaveLength(3);
  });
});

describe('examples', () => {
  test('noise: the run says that its teacher is no better than the mean', async () => {
    const { stdout } = await scratch.run([
      'run',
      join(root, 'examples/noise/recipe.yaml'),
      '--out',
      scratch.out(),
      '--set',
      'data.large.rows=1000',
      '--set',
      'teacher.epochs=3',
    ]);
    expect(stdout).toMatch(/teacher's test R² is -\d\.\d+, not above 0: it predicts no better than the mean\. Either/);
  });

  test('friedman: the student beats the baseline, and the weights are those that the README shows', async () => {
    const { record } = await scratch.train(join(root, 'examples/friedman/recipe.yaml'));
    expect(record.teacher!.test['r2']).toBeGreaterThan(0.97);
    expect(record.student!.test['r2']).toBeGreaterThan(record.baseline!.test['r2'] as number);
    const [, v8, shown] = /v8=(\S+)[^]*? weights ([0-9a-f]{16})/.exec(readFileSync(join(root, 'README.md'), 'utf8'))!;
    // Another V8 is another engine.
    if (process.versions.v8 === v8) expect(record.teacher!.weightsSha256.slice(0, 16)).toBe(shown);
  });
});
