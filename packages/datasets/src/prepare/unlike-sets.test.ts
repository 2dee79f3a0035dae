// Small sets with classes and columns of their own.
import { describe, expect, test } from 'vitest';
import { datasetOf, type SetName } from '@stillhouse/core';
import { csv, failure, idx, load, rowsOf, write, useFolder } from './prepare.test.fixture.js';
import type { Dataset } from './prepare.js';

useFolder();

describe('a small set that is unlike the large one', () => {
  const tableOf = (config: object = {}): { target: string } => ({ target: 'y', ...config });

  test('may have further classes, which come behind the large set’s; the teacher keeps its own', async () => {
    const dataset = await load(
      {
        large: csv('a,y\n1,cat\n2,dog\n3,cat\n'),
        small: csv('a,y\n1,dog\n2,ant\n3,bee\n'),
        test: csv('a,y\n1,bee\n2,cat\n'),
        table: tableOf(),
      },
      { loss: 'softmaxCrossEntropy' },
    );
    const { manifest } = dataset;
    expect([manifest.classes, manifest.outputs]).toEqual([['cat', 'dog'], 2]);
    expect(datasetOf(manifest, 'student')).toMatchObject({
      classes: ['cat', 'dog', 'ant', 'bee'],
      outputs: 4,
      inputShape: [1],
    });
    expect(datasetOf(manifest, 'teacher')).toMatchObject({ classes: ['cat', 'dog'], outputs: 2 });
    expect([...(await rowsOf(dataset, 'small')).y]).toEqual([1, 2, 3]);
    expect([...(await rowsOf(dataset, 'test')).y]).toEqual([3, 0]);
    expect(dataset.warnings).toEqual([
      'classes of data.small that the teacher does not know: ant, bee; the student learns them only from the labels',
    ]);
    expect(
      await failure(() =>
        load(
          {
            large: csv('a,y\n1,cat\n2,dog\n'),
            small: csv('a,y\n1,ant\n'),
            test: csv('a,y\n1,cow\n'),
            table: tableOf(),
          },
          { loss: 'softmaxCrossEntropy' },
        ),
      ),
    ).toMatchObject({ code: 'DATA_LABEL', message: expect.stringContaining('"cow"') });
    // Held-out rows add none: what only they have is refused.
    const held = await failure(() =>
      load(
        {
          large: csv('a,y\n1,cat\n2,dog\n'),
          small: { ...csv('a,y\n1,cat\n2,dog\n3,ant\n'), take: 1 },
          test: csv('a,y\n1,ant\n'),
          table: tableOf(),
        },
        { loss: 'softmaxCrossEntropy', seed: 1 },
      ),
    );
    expect(held).toMatchObject({ code: 'DATA_LABEL' });
  });

  test('of numbered classes as well; binary classification knows two', async () => {
    const images = (labels: number[]): { idx: { images: string; labels: string } } => ({
      idx: {
        images: write(
          idx(
            [labels.length, 1, 1],
            labels.map(() => 7),
          ),
          '-images-idx3-ubyte',
        ),
        labels: write(idx([labels.length], labels), '-labels-idx1-ubyte'),
      },
    });
    const dataset = await load(
      { large: images([0, 1, 1]), small: images([1, 3]), test: images([0, 3]) },
      { loss: 'softmaxCrossEntropy' },
    );
    expect([dataset.manifest.outputs, datasetOf(dataset.manifest, 'baseline').outputs]).toEqual([2, 4]);
    expect(dataset.warnings[0]).toContain('does not know: 2, 3;');
    expect(
      await failure(() =>
        load(
          {
            large: csv('a,y\n1,no\n2,yes\n'),
            small: csv('a,y\n1,maybe\n'),
            test: csv('a,y\n1,no\n'),
            table: tableOf(),
          },
          { loss: 'binaryCrossEntropy' },
        ),
      ),
    ).toMatchObject({ code: 'DATA_LABEL', message: expect.stringContaining('"maybe"') });
  });

  test('may have columns of its own, if they are declared; what is not used is said', async () => {
    const small = 'b,a,extra,y\n10,1,u,1\n30,3,v,2\n';
    const dataset = await load({
      large: csv('a,y\n1,1\n3,2\n'),
      small: csv(small),
      test: csv('a,b,y\n3,30,2\n'),
      table: tableOf({ columns: { b: { number: 'standardize' } } }),
    });
    expect([dataset.manifest.inputShape, datasetOf(dataset.manifest, 'student').inputShape]).toEqual([[1], [2]]);
    const read = async (phase: 'teacher' | 'student', set: SetName): Promise<number[]> => [
      ...(await rowsOf({ ...dataset, manifest: datasetOf(dataset.manifest, phase) }, set)).x,
    ];
    expect(await read('student', 'small')).toEqual([-1, -1, 1, 1]);
    expect(await read('teacher', 'test')).toEqual([1]);
    expect(await read('student', 'test')).toEqual([1, 1]);
    expect(dataset.warnings).toEqual([
      'columns of data.small that only the student gets: b',
      expect.stringMatching(/columns that the large set lacks, and that are not used: extra; declare them/),
    ]);
    expect(
      await failure(() =>
        load({
          large: csv('a,y\n1,1\n3,2\n2,1\n4,4\n'),
          small: csv(small),
          split: { test: 0.5 },
          table: tableOf({ columns: { b: 'number' } }),
        }),
      ),
    ).toMatchObject({ code: 'DATA_COLUMN', message: expect.stringContaining('no column b for the student') });
    expect(
      await failure(() =>
        load({ large: csv('a,y\n1,1\n'), test: csv('a,b,y\n1,1,1\n'), table: tableOf({ columns: { b: 'number' } }) }),
      ),
    ).toMatchObject({ code: 'DATA_COLUMN', message: expect.stringContaining('no column "b"') });
    expect(
      await failure(() =>
        load({
          large: csv('a,y\n1,1\n'),
          small: csv(small),
          test: csv('a,y\n1,1\n'),
          table: tableOf({ columns: { b: 'number' } }),
        }),
      ),
    ).toMatchObject({ code: 'DATA_COLUMN', message: expect.stringContaining('data.test') });
  });

  test('may lack columns whose cells may be missing', async () => {
    const large = 'a,c,y\n1,u,1\n3,v,2\n';
    const lacking = (config: object): Promise<Dataset> =>
      load({ large: csv(large), small: csv('c,y\nv,1\n'), test: csv(large), table: tableOf(config) });
    expect(await failure(() => lacking({}))).toMatchObject({
      code: 'DATA_COLUMN',
      message: expect.stringMatching(/data\.small .* has no column "a", and its cells may not be missing/),
      next: expect.stringContaining('missing: mean'),
    });
    const dataset = await lacking({ missing: 'mean' });
    expect([...(await rowsOf(dataset, 'small')).x]).toEqual([0, 0, 1]);
    expect(dataset.warnings).toEqual([
      expect.stringMatching(/data\.small .* has no column a: the cells count as missing/),
    ]);
    const categoryless = await load({
      large: csv(large),
      small: csv('a,y\n3,1\n'),
      test: csv(large),
      table: tableOf(),
    });
    expect([...(await rowsOf(categoryless, 'small')).x]).toEqual([1, 0, 0]);
    expect(categoryless.warnings).toEqual([expect.stringMatching(/has no column c: the cells count as missing/)]);
    expect(
      await failure(() =>
        load({ large: csv(large), small: csv('z,y\n1,1\n'), test: csv(large), table: tableOf({ missing: 'mean' }) }),
      ),
    ).toMatchObject({
      code: 'DATA_COLUMN',
      message: expect.stringContaining('has none of the inputs’ columns'.replace('’', "'")),
    });
  });
});
