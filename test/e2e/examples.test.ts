// Every example, at a small size: the recipe as it is except for fewer rows and epochs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compress, sweep } from 'stillhouse';
import { mnistFolder, root, Scratch } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const has = (name: string): boolean => mnistFolder !== undefined && existsSync(join(dirname(mnistFolder), name));
const missing = (name: string): string =>
  has(name) ? '' : ` (skipped without ${name} in the data folder: set STILLHOUSE_DATA)`;

/** The first rows of a set of IDX files. */
function writeFirst(file: string, rows: number, folder: string): void {
  const bytes = gunzipSync(readFileSync(file));
  // Its magic number, then a number per dimension, of which the first counts rows; each cell is a byte.
  const header = 4 + 4 * bytes[3];
  const total = bytes.readUInt32BE(4);
  const kept = bytes.subarray(0, header + ((bytes.length - header) / total) * rows);
  kept.writeUInt32BE(rows, 4);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, basename(file)), gzipSync(kept, { level: 1 }));
}

/** Reading 70,000 pictures would take longer than training on the few that are used. */
function useFirstPictures(): void {
  const small = scratch.path('data');
  for (const name of ['mnist', 'fashion-mnist'].filter(has))
    for (const [set, rows] of [
      ['train', 6000],
      ['t10k', 1000],
    ] as const)
      for (const what of ['images-idx3', 'labels-idx1'])
        writeFirst(join(dirname(mnistFolder!), name, `${set}-${what}-ubyte.gz`), rows, join(small, name));
  if (has('usps')) symlinkSync(join(dirname(mnistFolder!), 'usps'), join(small, 'usps'));
  if (mnistFolder) process.env['STILLHOUSE_DATA'] = small;
}

describe('examples run at a small size', () => {
  beforeAll(useFirstPictures);

  test.skipIf(!has('mnist'))(
    `mnist: the small set is 100 per class; errors on test digits${missing('mnist')}`,
    async () => {
      const { record } = await scratch.train(join(root, 'examples/mnist/recipe.yaml'), {
        set: { 'teacher.epochs': 3, 'student.epochs': 10 },
      });
      expect(record.dataset.rows).toEqual({ large: 6_000, small: 1_000, test: 1_000 });
      expect(record.teacher!.test['errors']).toBeLessThan(120);
      expect(record.student!.test['errors']).toBeLessThan(record.baseline!.test['errors'] as number);
    },
  );

  test.skipIf(!has('usps'))(`usps: images of another size, resized and padded${missing('usps')}`, async () => {
    const { record } = await scratch.train(join(root, 'examples/usps/recipe.yaml'), {
      set: {
        'data.large.take': 600,
        'data.small.perClass': 5,
        'data.test.take': 300,
        'teacher.epochs': 3,
        'student.epochs': 3,
      },
    });
    expect(record.dataset.rows).toMatchObject({ large: 600, small: 50, test: 300 });
    expect(record.dataset['inputShape']).toEqual([28, 28, 1]);
    // It has seen digits, if other ones: far better than one in ten.
    expect(record.teacher!.test['accuracy']).toBeGreaterThan(0.3);
  });

  test('borehole: regression on few measurements', async () => {
    const { record } = await scratch.train(join(root, 'examples/borehole/recipe.yaml'), {
      set: { 'data.large.take': 6000, 'teacher.epochs': 4, 'student.epochs': 60 },
    });
    expect(record.student!.test['rmse']).toBeLessThan(record.baseline!.test['rmse'] as number);
  });

  test.skipIf(!has('mnist'))(
    `hinton: a class that the student never saw, and its bias corrected${missing('mnist')}`,
    async () => {
      const small = {
        'data.large.take': 3000,
        'data.small.take': 2000,
        'data.small.classes': [0, 1, 2, 4, 5, 6, 7, 8, 9],
        'data.test.take': 1000,
        'student.epochs': 4,
        'teacher.epochs': 6,
        'teacher.batch': 64,
        'teacher.model.layers[2].dense': 100,
        'teacher.model.layers[6].dense': 100,
        'student.model.layers[1].dense': 64,
        'student.model.layers[2].dense': 64,
      };
      const { outcomes } = await sweep(join(root, 'examples/hinton/recipe.yaml'), {
        axes: [{ path: 'distill.correctBiases', values: [false, true] }],
        seeds: 1,
        out: scratch.out(),
        set: small,
      });
      const [plain, corrected] = outcomes.map(({ folder }) => scratch.readRecord(folder));
      expect(corrected.baseline!.weightsSha256).toBe(plain.baseline!.weightsSha256);
      expect(corrected.student!.weightsSha256).not.toBe(plain.student!.weightsSha256);
      // One that believes in a 3 no less than its teacher finds more of them.
      expect(corrected.student!.test['errors']).toBeLessThan(plain.student!.test['errors'] as number);
    },
  );

  test.skipIf(!has('fashion-mnist')).each(['fashion', 'mnist'])(
    `lenet: few-shot distillation, %s${missing('fashion-mnist')}`,
    async (name) => {
      const { record } = await scratch.train(join(root, `examples/lenet/${name}.yaml`), {
        set: {
          'data.large.take': 800,
          'data.small.perClass': 5,
          'data.test.take': 300,
          'teacher.epochs': 2,
          'student.epochs': 3,
        },
      });
      expect(record.dataset.rows).toMatchObject({ large: 800, small: 50, test: 300 });
    },
  );

  test.skipIf(!has('mnist'))(`transfer: another question about the same pictures${missing('mnist')}`, async () => {
    const { folder } = await scratch.train(join(root, 'examples/transfer/teacher.yaml'), {
      set: { 'data.large.take': 1000, 'data.test.take': 500, 'teacher.epochs': 3 },
    });
    const { record } = await scratch.train(join(root, 'examples/transfer/recipe.yaml'), {
      set: { 'data.large.take': 1000, 'data.test.take': 500, 'teacher.pretrained': folder, 'student.epochs': 50 },
    });
    expect(record.student!.test['accuracy']).toBeGreaterThan(record.baseline!.test['accuracy'] as number);
    expect(record.student!.parameters).toBe(130);
  });

  test.skipIf(!has('mnist'))(
    `zero-shot: digits that nobody saw, by their descriptions${missing('mnist')}`,
    async () => {
      const { folder } = await scratch.train(join(root, 'examples/zero-shot/recipe.yaml'), {
        set: {
          'data.large.take': 1200,
          'data.small.take': 80,
          'data.pool.take': 500,
          'data.test.take': 500,
          'teacher.epochs': 2,
          'student.epochs': 5,
        },
      });
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(root, 'examples/zero-shot/recognise.mjs'), folder],
        { encoding: 'utf8' },
      );
      expect(status, stderr).toBe(0);
      const [, teacher, student, baseline] = stdout
        .trim()
        .split('\n')
        .map((line) => line.match(/\d+\.\d(?= %)/g)?.map(Number) ?? []);
      for (const shares of [teacher, student, baseline]) expect(shares).toHaveLength(4);
      // By chance it would be 12.5 % of the digits that it knows.
      expect(teacher[0]).toBeGreaterThan(50);
    },
  );

  test.skipIf(!has('mnist'))(
    `compression: a teacher’s copy is pruned, and written in fewer bits${missing('mnist')}`,
    async () => {
      const small = {
        'data.large.take': 3000,
        'data.small.perClass': 10,
        'data.test.take': 500,
        'teacher.epochs': 2,
        'student.epochs': 5,
        'student.prune.to': 3,
      };
      const { outcomes } = await sweep(join(root, 'examples/compression/recipe.yaml'), {
        axes: [{ path: 'student.prune.sparsity', values: [0, 0.9] }],
        seeds: 1,
        out: scratch.out(),
        set: small,
      });
      const models = await compress(
        outcomes.map(({ folder }) => folder),
        { out: scratch.out() },
      );
      const [dense, sparse] = models.filter(({ format }) => format === 'fp32');
      expect(dense.from).toMatch(/sparsity 0$/);
      expect(sparse.gzippedBytes).toBeLessThan(0.25 * dense.gzippedBytes);
    },
  );
});
