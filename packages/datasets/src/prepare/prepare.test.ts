// From files to blocks and back, and one clear sentence for each way in which files are wrong.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { encodeTableRows } from '@stillhouse/core';
import { BlockReader } from '../block/block-reader.js';
import { windowOf, type Batch, type BlockShape } from '../block/blocks.js';
import { sha256 } from '../file/sha256.js';
import { csv, failure, folder, idx, load, rowsOf, table, write, type Data, useFolder } from './prepare.test.fixture.js';

useFolder();

describe('CSV', () => {
  test('numbers become standardised and categories one-hot, fitted on the training rows of the large set', async () => {
    const large = csv('a,colour,y\n1,red,10\n3,blue,20\n5,red,30\n');
    const test = csv('y,colour,a\n1,blue,3\n2,green,7\n');
    const dataset = await load({ large, test, table: { target: 'y' } });
    const deviation = Math.sqrt(8 / 3);
    expect(dataset.preprocessing).toMatchObject({
      columns: [
        { name: 'a', type: 'number', shift: 3, scale: expect.closeTo(deviation, 12), dtype: 'F32' },
        { name: 'colour', type: 'category', categories: ['blue', 'red'] },
      ],
      targets: [{ name: 'y', mean: 20, deviation: expect.closeTo(Math.sqrt(200 / 3), 12) }],
    });
    expect([...(await rowsOf(dataset, 'test')).y]).toEqual(
      [-19, -18].map((value) => expect.closeTo(value / Math.sqrt(200 / 3), 6)),
    );
    expect(dataset.manifest.targets).toHaveLength(1);
    expect([...(await rowsOf(dataset, 'large')).x]).toEqual(
      [-2 / deviation, 0, 1, 0, 1, 0, 2 / deviation, 0, 1].map((value) => expect.closeTo(value, 6)),
    );
    // Columns are found by name; a category that training did not know is none of them, and said.
    expect([...(await rowsOf(dataset, 'test')).x]).toEqual(
      [0, 1, 0, 4 / deviation, 0, 0].map((value) => expect.closeTo(value, 6)),
    );
    expect(dataset.warnings).toEqual([
      expect.stringContaining('column colour of 1 of 2 rows has a category that the training rows did not have'),
    ]);
  });

  test('held-out rows do not touch what is fitted', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `${i < 39 ? i : 1e9},1`);
    const dataset = await load(table(`a,y\n${rows.join('\n')}\n`), { validation: 0.5, seed: 1 });
    const again = await load(table(`a,y\n${rows.join('\n')}\n`), { validation: 0.5, seed: 2 });
    const means = [dataset, again].map(({ preprocessing }) => (preprocessing!.columns[0] as { shift: number }).shift);
    // The outlier is in one split's training part and in the other's held-out part.
    expect(means.some((mean) => mean < 40) || means.every((mean) => mean > 1e6)).toBe(true);
    expect(dataset.manifest.sets.large!.rowCount).toBe(20);
    expect(dataset.manifest.sets.largeValidation!.rowCount).toBe(20);
  });

  test('missing numbers: stop, take the mean, or drop the row', async () => {
    const text = 'a,y\n1,1\n,2\n3,3\n';
    expect(await failure(() => load(table(text)))).toMatchObject({
      code: 'DATA_CELL',
      message: expect.stringMatching(/row 2, column a: the cell is empty/),
    });
    expect([...(await rowsOf(await load(table(text, { missing: 'mean', standardize: false })), 'large')).x]).toEqual([
      1, 2, 3,
    ]);
    const dropped = await load(table(text, { missing: 'drop' }));
    expect(dropped.manifest.sets.large!.rowCount).toBe(2);
    expect(dropped.warnings[0]).toContain('1 rows with an empty cell were dropped');
  });

  test('classes get indices in order, with names kept', async () => {
    const dataset = await load(table('a,y\n1,cat\n2,dog\n3,ant\n'), { loss: 'softmaxCrossEntropy' });
    expect(dataset.preprocessing!.classes).toEqual(['ant', 'cat', 'dog']);
    expect(dataset.manifest.outputs).toBe(3);
    expect([...(await rowsOf(dataset, 'large')).y]).toEqual([1, 2, 0]);
    expect((await load(table('a,y\n1,10\n2,9\n'), { loss: 'softmaxCrossEntropy' })).preprocessing!.classes).toEqual([
      '9',
      '10',
    ]);
  });

  test('columns can be declared and ignored; several targets', async () => {
    const dataset = await load({
      large: csv('id,a,u,v\n1,2,3,4\n5,6,7,8\n'),
      test: csv('id,a,u,v\n1,2,3,4\n'),
      table: { target: ['u', 'v'], columns: { id: 'ignore', a: 'category' } },
    });
    expect(dataset.manifest).toMatchObject({ inputShape: [2], outputs: 2, labelCount: 2 });
  });

  test.each([
    ['a cell that is no number', 'a,y\n1,1\nx3,2\n', {}, 'DATA_CELL', /row 2, column a: "x3" is not a number/],
    ['a target that is no number', 'a,y\n1,1\n3,high\n', {}, 'DATA_CELL', /row 2, column y: "high" is not a number/],
    ['a row with too few cells', 'a,b,y\n1,2,3\n4,5\n', {}, 'DATA_FORMAT', /line 3/i],
    ['a target that does not exist', 'a,z\n1,1\n', {}, 'DATA_COLUMN', /has no column "y"; it has a, z/],
    [
      'a declared column that does not exist',
      'a,y\n1,1\n',
      { columns: { b: 'number' } },
      'DATA_COLUMN',
      /has no column "b"/,
    ],
    ['two columns of one name', 'a,a,y\n1,1,1\n', {}, 'DATA_COLUMN', /two columns named "a"/],
    ['an empty file', '', {}, 'DATA_EMPTY', /it has no header/],
    ['only a header', 'a,y\n', {}, 'DATA_EMPTY', /has no rows/],
    ['a quote left open', 'a,y\n"1,1\n', {}, 'DATA_FORMAT', /quote/i],
  ])('%s is refused', async (_, text, extra, code, message) => {
    expect(await failure(() => load(table(text, extra)))).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});
describe('IDX', () => {
  const images = Uint8Array.from({ length: 40 }, (_, i) => i);
  const labels = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0];
  const set = (
    name = '',
    pictures = idx([10, 2, 2], images),
    classes = idx([10], labels),
  ): { idx: { images: string; labels: string } } => ({
    idx: { images: write(pictures, `${name}.idx`), labels: write(classes, `${name}l.idx`) },
  });

  test('images become rows with a channel, scaled to [0, 1] when read and bytes on the way', async () => {
    const dataset = await load({ large: set(), test: set() }, { loss: 'softmaxCrossEntropy' });
    expect(dataset.manifest).toMatchObject({
      inputShape: [2, 2, 1],
      columns: [{ dtype: 'U8' }],
      outputs: 3,
      labelCount: 1,
    });
    const { x, y } = await rowsOf(dataset, 'large');
    expect([...x]).toEqual([...images].map((value) => expect.closeTo(value / 255, 6)));
    expect([...y]).toEqual(labels);
  });

  test('gzipped or not, found by either name and under data:', async () => {
    const plain = write(idx([10, 2, 2], images), '.idx');
    writeFileSync(`${plain.slice(0, -4)}z.idx.gz`, gzipSync(idx([10, 2, 2], images)));
    const zipped = `${plain.slice(0, -4)}z.idx`;
    const labelFile = write(idx([10], labels), 'l.idx');
    const sources = [plain, zipped, `${zipped}.gz`, `data:${zipped.slice(folder.length + 1)}`];
    const hashes: string[] = [];
    for (const path of sources) {
      const { manifest } = await load(
        { large: { idx: { images: path, labels: labelFile } }, test: { idx: { images: plain, labels: labelFile } } },
        { loss: 'softmaxCrossEntropy' },
      );
      hashes.push(manifest.sets.large!.blocks.join());
    }
    expect(new Set(hashes).size).toBe(1);
  });

  test('a stratified small set has so many rows of each class, drawn by the seed', async () => {
    const source = set();
    const draw = async (seed: number): Promise<number[]> => [
      ...(
        await rowsOf(
          await load(
            { large: source, test: source, small: { ...source, perClass: 2 } },
            { loss: 'softmaxCrossEntropy', seed },
          ),
          'small',
        )
      ).x,
    ];
    const dataset = await load(
      { large: source, test: source, small: { ...source, perClass: 2 } },
      { loss: 'softmaxCrossEntropy' },
    );
    expect([...(await rowsOf(dataset, 'small')).y].sort()).toEqual([0, 0, 1, 1, 2, 2]);
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
    expect(
      await failure(() =>
        load({ large: source, test: source, small: { ...source, perClass: 4 } }, { loss: 'softmaxCrossEntropy' }),
      ),
    ).toMatchObject({
      code: 'DATA_LABEL',
      message: expect.stringMatching(/class [12] has 3 rows, fewer than perClass: 4/),
    });
    expect(
      await failure(() => load({ large: { ...source, take: 11 }, test: source }, { loss: 'softmaxCrossEntropy' })),
    ).toMatchObject({ code: 'DATA_EMPTY' });
  });

  test('a set of only some classes; outputs are those of the highest class that is left', async () => {
    const source = set();
    const dataset = await load(
      { large: source, test: source, small: { ...source, classes: [0, '2'] } },
      { loss: 'softmaxCrossEntropy' },
    );
    expect(new Set((await rowsOf(dataset, 'small')).y)).toEqual(new Set([0, 2]));
    expect(dataset.manifest.sets.small!.rowCount).toBe(labels.filter((label) => label !== 1).length);
    const few = await load(
      { large: source, test: source, small: { ...source, classes: [1], take: 2 } },
      { loss: 'softmaxCrossEntropy' },
    );
    expect([...(await rowsOf(few, 'small')).y]).toEqual([1, 1]);
    const unseen = await load(
      { large: { ...source, classes: [0, 2] }, test: source, small: { ...source, classes: [0, 1], perClass: 1 } },
      { loss: 'softmaxCrossEntropy' },
    );
    expect(unseen.manifest).toMatchObject({ outputs: 3, sets: { small: { rowCount: 2 } } });
    expect(
      await failure(() =>
        load({ large: source, test: source, small: { ...source, classes: [7] } }, { loss: 'softmaxCrossEntropy' }),
      ),
    ).toMatchObject({ code: 'DATA_LABEL', message: expect.stringContaining('has no row of class 7') });
  });

  test.each([
    ['cut off', idx([10, 2, 2], images.subarray(0, 30)), 'DATA_TRUNCATED', /has 30 of the 40 bytes/],
    ['cut off in its header', idx([10, 2, 2], []).subarray(0, 7), 'DATA_TRUNCATED', /ends inside its header/],
    ['empty', new Uint8Array(), 'DATA_TRUNCATED', /0 bytes/],
    ['of floats', Uint8Array.of(0, 0, 0x0d, 1, 0, 0, 0, 0), 'DATA_FORMAT', /not an IDX file of unsigned bytes/],
    [
      'gzipped and cut off',
      gzipSync(idx([10, 2, 2], images)).subarray(0, 30),
      'DATA_TRUNCATED',
      /not a complete gzip file/,
    ],
    [
      'of another length than its labels',
      idx([9, 2, 2], images.subarray(0, 36)),
      'DATA_FORMAT',
      /has 9 images but .* 10 labels/,
    ],
    ['without images', idx([0, 2, 2], []), 'DATA_FORMAT', /0 images/],
  ])('a file %s is refused', async (_, content, code, message) => {
    expect(
      await failure(() => load({ large: set('bad', content), test: set() }, { loss: 'softmaxCrossEntropy' })),
    ).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('a missing file names every place that was looked at', async () => {
    expect(
      await failure(() => load({ large: { idx: { images: 'data:none/x.gz', labels: 'l' } }, test: set() })),
    ).toMatchObject({ code: 'DATA_NOT_FOUND', message: expect.stringContaining('none') });
  });

  test('a label that the loss cannot take is named', async () => {
    expect(await failure(() => load({ large: set(), test: set() }, { loss: 'binaryCrossEntropy' }))).toMatchObject({
      code: 'DATA_LABEL',
      message: expect.stringMatching(/label 2 of row 3 is not a class from 0 to 1/),
    });
    const wide = set(
      'wide',
      idx([10, 2, 2], images),
      idx(
        [10],
        labels.map((label) => label + 1),
      ),
    );
    expect(await failure(() => load({ large: set(), test: wide }, { loss: 'softmaxCrossEntropy' }))).toMatchObject({
      code: 'DATA_LABEL',
      message: expect.stringMatching(/data.test .*label 3 of row 3/),
    });
  });

  test('sets of different kinds do not mix', async () => {
    expect(await failure(() => load({ large: set(), test: { generator: 'noise', rows: 3 } }))).toMatchObject({
      code: 'DATA_FORMAT',
      message: expect.stringContaining('data.test (generator noise) has rows of another type'),
    });
  });
});

describe('generators', () => {
  test('Friedman #1 without noise is its formula, scaled; features and labels lie in [0, 1)', async () => {
    const dataset = await load({
      large: { generator: 'friedman1', rows: 500, noise: 0 },
      test: { generator: 'friedman1', rows: 10 },
    });
    const { x, y } = await rowsOf(dataset, 'large');
    for (let i = 0; i < 500; i++) {
      const r = x.subarray(i * 10, i * 10 + 10);
      expect(y[i]).toBeCloseTo(
        (10 * Math.sin(Math.PI * r[0] * r[1]) + 20 * (r[2] - 0.5) ** 2 + 10 * r[3] + 5 * r[4] + 5) / 40,
        6,
      );
    }
    expect([...x, ...y].every((value) => value >= 0 && value < 1)).toBe(true);
  });

  test('noise has unit variance on the unscaled labels', async () => {
    const load1 = async (noise: number): Promise<Batch> =>
      rowsOf(
        await load({
          large: { generator: 'friedman1', rows: 20_000, noise },
          test: { generator: 'friedman1', rows: 10 },
        }),
        'large',
      );
    const { y } = await load1(1);
    const { x } = await load1(1);
    const residuals = [...y].map(
      (value, i) =>
        40 * value -
        5 -
        (10 * Math.sin(Math.PI * x[10 * i] * x[10 * i + 1]) +
          20 * (x[10 * i + 2] - 0.5) ** 2 +
          10 * x[10 * i + 3] +
          5 * x[10 * i + 4]),
    );
    const mean = residuals.reduce((sum, value) => sum + value, 0) / residuals.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(residuals.reduce((sum, value) => sum + value * value, 0) / residuals.length).toBeCloseTo(1, 1);
  });

  test('seeds give different rows, the same seed the same blocks', async () => {
    const blocks = async (seed: number): Promise<string> =>
      (
        await load({ large: { generator: 'noise', rows: 50, seed }, test: { generator: 'noise', rows: 5 } })
      ).manifest.sets.large!.blocks.join();
    expect(await blocks(1)).toBe(await blocks(1));
    expect(await blocks(1)).not.toBe(await blocks(2));
  });
});

test('splits keep every row once', async () => {
  const dataset = await load(
    { large: { generator: 'noise', rows: 101 }, test: { generator: 'noise', rows: 5 } },
    { validation: 0.25 },
  );
  const whole = await load({ large: { generator: 'noise', rows: 101 }, test: { generator: 'noise', rows: 5 } });
  const labels = [...(await rowsOf(dataset, 'large')).y, ...(await rowsOf(dataset, 'largeValidation')).y].sort();
  expect(dataset.manifest.sets.largeValidation!.rowCount).toBe(25);
  expect(labels).toEqual([...(await rowsOf(whole, 'large')).y].sort());
  expect(
    await failure(() =>
      load({ large: { generator: 'noise', rows: 1 }, test: { generator: 'noise', rows: 5 } }, { validation: 0.5 }),
    ),
  ).toMatchObject({ code: 'DATA_EMPTY' });
});

test('a large set is cut into several blocks; one that is spoilt on disk is named', async () => {
  const { manifest, blocks } = await load({
    large: { generator: 'noise', rows: 60_000 },
    test: { generator: 'noise', rows: 5 },
  });
  const set = manifest.sets.large!;
  expect(set.blocks.length).toBeGreaterThan(1);
  const file = blocks.file(set.blocks[0]);
  const bytes = readFileSync(file);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(file, bytes);
  const reader = new BlockReader(manifest, async (hash) => (await blocks.read(hash))!);
  await expect(reader.read(set, [0])).rejects.toMatchObject({
    code: 'BLOCK_CORRUPT',
    message: expect.stringContaining(file),
  });
  expect((await reader.read(set, [set.rowCount - 1])).rows).toBe(1);
  rmSync(file);
});

test('rows to predict need no target, and are encoded as training rows were', async () => {
  const { preprocessing } = await load(table('a,y\n1,1\n3,2\n'));
  const inputs = encodeTableRows(preprocessing!.columns, [{ a: '3' }], (_, message) => new Error(message));
  expect(inputs).toEqual(Float32Array.of(1));
});

test(
  'a set beyond 64 MiB is drawn from a window of blocks, a smaller one shuffled whole; many ranks share the ' +
    'windows',
  () => {
    const shape: BlockShape = {
      columns: [{ name: 'x', type: 'tensor', size: 1020, factors: [1], offsets: [0], dtype: 'U8' }],
      inputShape: [1020],
      labelCount: 1,
      labelType: 'F32',
    };
    expect(windowOf(shape, 65_537, 4)).toEqual({ windowBlocks: 8 });
    expect(windowOf(shape, 65_537, 32)).toEqual({ windowBlocks: 2 });
    expect(windowOf(shape, 65_537, 1000)).toEqual({ windowBlocks: 1 });
    expect(windowOf(shape, 65_536, 4)).toEqual({});
  },
);

describe('what has been prepared', () => {
  const counting = (name: string): string => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(
      path,
      `import { appendFileSync } from 'node:fs';\nexport default function* () {\n  ` +
        `appendFileSync(${JSON.stringify(`${path}.log`)}, 'x');\n  for (let i = 0; i < 40; i++) yield { x: [i, 2 ` +
        '* i], y: i };\n}\n',
    );
    return path;
  };
  const timesRead = (path: string): number => readFileSync(`${path}.log`, 'utf8').length;

  test('is found again without its sources being opened', async () => {
    const path = counting('once');
    const data: Data = { large: { module: path }, split: { test: 0.25 } };
    const first = await load(data);
    const second = await load(data);
    expect([first.isKept, second.isKept, timesRead(path)]).toEqual([false, true, 1]);
    expect(second.manifest).toEqual(first.manifest);
    expect(first.manifest.sets.test!.rowCount).toBe(10);
  });

  test('has the hashes of the modules that give its rows, also of those in a mix', async () => {
    const [one, other] = [counting('one'), counting('other')];
    const hashes = { [one]: sha256(readFileSync(one)), [other]: sha256(readFileSync(other)) };
    const mix = [one, other].map((module) => ({ source: { module }, share: 1 }));
    expect((await load({ large: { mix }, split: { test: 0.5 } })).modules).toEqual(hashes);
    expect((await load(table('a,y\n1,2\n'))).modules).toEqual({});
  });

  test('is prepared once, if two want it at the same time, and leaves nothing behind', async () => {
    const path = counting('both');
    const data: Data = { large: { module: path }, split: { test: 0.5 } };
    const [first, second] = await Promise.all([load(data), load(data)]);
    expect(second.manifest).toEqual(first.manifest);
    expect(timesRead(path)).toBe(1);
    expect(readdirSync(join(folder, 'prepared')).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

describe('rows that are held out', () => {
  const people = (): { csv: string } =>
    csv(`who,a,y\n${Array.from({ length: 200 }, (_, i) => `p${i % 20},${i},${i % 7}`).join('\n')}\n`);

  test('by a key stay with those of their key', async () => {
    const { manifest, blocks, preprocessing } = await load(
      {
        large: people(),
        split: { by: 'who', test: 0.3 },
        table: { target: 'y', standardize: false, columns: { who: 'category' } },
      },
      { validation: 0.3 },
    );
    const sets = await Promise.all(
      (['large', 'largeValidation', 'test'] as const).map(async (name) => {
        const set = manifest.sets[name]!;
        const { x } = await new BlockReader(manifest, async (hash) => (await blocks.read(hash))!).read(
          set,
          Array.from({ length: set.rowCount }, (_, i) => i),
        );
        const width = x.length / set.rowCount;
        // The person of a row follows from its number.
        const at = preprocessing!.columns.findIndex(({ name: column }) => column === 'a') === 0 ? 0 : width - 1;
        return new Set(Array.from({ length: set.rowCount }, (_, i) => x[i * width + at] % 20));
      }),
    );
    expect(sets.reduce((sum, { size }) => sum + size, 0)).toBe(20);
    expect(new Set(sets.flatMap((set) => [...set])).size).toBe(20);
  });

  test('are some, or it is said', async () => {
    const lonely = csv('who,a,y\nme,1,2\nme,2,3\nme,3,4\n');
    expect(
      await failure(() => load({ large: lonely, split: { by: 'who', test: 0.5 }, table: { target: 'y' } })),
    ).toMatchObject({ code: 'DATA_EMPTY' });
    expect(
      await failure(() =>
        load({ large: lonely, split: { test: 0.1 }, table: { target: 'y', columns: { who: 'ignore' } } }),
      ),
    ).toMatchObject({
      code: 'DATA_EMPTY',
      message: expect.stringContaining('a test share of 0.1 of 3 rows is no row'),
    });
  });
});
