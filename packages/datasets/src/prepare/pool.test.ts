// Rows without labels.
import { describe, expect, test } from 'vitest';
import { datasetOf } from '@stillhouse/core';
import { csv, failure, idx, load, rowsOf, write, type Data, useFolder } from './prepare.test.fixture.js';

useFolder();

describe('a pool of rows without labels', () => {
  const labelled = (): Data => ({
    large: csv('a,y\n1,10\n3,20\n'),
    small: csv('a,y\n2,15\n'),
    test: csv('a,y\n2,15\n'),
    table: { target: 'y' },
  });

  test('tables need no target, and are encoded as the student sees rows', async () => {
    const dataset = await load({ ...labelled(), pool: csv('a,note\n5,x\n1,y\n') }, { isPoolUsed: true });
    const { x, y } = await rowsOf(dataset, 'pool');
    expect([...x]).toEqual([3, -1]);
    expect([...y]).toEqual([0, 0]);
    expect(dataset.warnings).toEqual([
      expect.stringMatching(/^data\.pool .*columns that the large set lacks, and that are not used: note$/),
    ]);
    const wide = {
      large: csv('a,y\n1,10\n3,20\n'),
      small: csv('a,b,y\n2,4,15\n2,6,15\n'),
      test: csv('a,b,y\n2,4,15\n'),
      pool: csv('b,a\n6,1\n'),
      table: { target: 'y', columns: { b: 'number' as const } },
    };
    const student = await load(wide, { isPoolUsed: true });
    const { sets, ...rest } = datasetOf(student.manifest, 'student');
    expect([...(await rowsOf({ ...student, manifest: { ...rest, sets } }, 'pool')).x]).toEqual([-1, 1]);
  });

  test('if nothing draws from it, it is not read, and a message says so', async () => {
    const dataset = await load({ ...labelled(), pool: { csv: 'none.csv' } });
    expect(dataset.manifest.sets.pool).toBeUndefined();
    expect(dataset.warnings).toContain('data.pool is not used: no distill.transfer takes rows from it');
  });

  test('images need no labels, and labels that are there are not read', async () => {
    const labels = write(idx([2], [0, 1]), '-labels');
    const images = write(idx([2, 2, 2], [0, 51, 102, 153, 204, 255, 0, 51]), '-images');
    const named = { idx: { images, labels } };
    const wrong = write(idx([2], [200, 201]), '-labels');
    for (const pool of [{ idx: { images } }, { idx: { images, labels: wrong } }]) {
      const dataset = await load(
        { large: named, small: named, test: named, pool },
        { loss: 'softmaxCrossEntropy', isPoolUsed: true },
      );
      const { x, y } = await rowsOf(dataset, 'pool');
      expect([...x]).toEqual([...(await rowsOf(dataset, 'large')).x]);
      expect([...y]).toEqual([0, 0]);
      expect(dataset.manifest.outputs).toBe(2);
    }
  });

  test('a module need not yield labels, and those that it yields are not read', async () => {
    const pool = { module: write('export default () => [{ x: [1, 2] }, { x: [3, 4], y: "?" }];', '.mjs') };
    const named = { module: write('export default () => [{ x: [0, 0], y: 1 }, { x: [2, 2], y: 3 }];', '.mjs') };
    const dataset = await load({ large: named, small: named, test: named, pool }, { isPoolUsed: true });
    expect([...(await rowsOf(dataset, 'pool')).x]).toEqual([1, 2, 3, 4]);
    const unlike = { module: write('export default () => [{ y: 1 }];', '.mjs') };
    expect(
      await failure(() => load({ large: named, small: named, test: named, pool: unlike }, { isPoolUsed: true })),
    ).toMatchObject({ code: 'DATA_MODULE', message: expect.stringContaining('is not { x } with numbers') });
  });

  test('a part of it can be taken; rows that the test holds out of the large set are not in it', async () => {
    const all = csv(`a,y\n${Array.from({ length: 40 }, (_, i) => `${i},${i}`).join('\n')}\n`);
    const { manifest } = await load(
      {
        large: all,
        small: { ...all, take: 5 },
        pool: { ...all, take: 10 },
        split: { test: 0.25 },
        table: { target: 'y' },
      },
      { isPoolUsed: true },
    );
    expect([manifest.sets.large!.rowCount, manifest.sets.test!.rowCount, manifest.sets.pool!.rowCount]).toEqual([
      30, 10, 10,
    ]);
    const whole = await load(
      {
        large: all,
        small: { ...all, take: 5 },
        pool: all,
        split: { test: 0.25 },
        table: { target: 'y', standardize: false },
      },
      { isPoolUsed: true },
    );
    const [pool, held] = [await rowsOf(whole, 'pool'), await rowsOf(whole, 'test')];
    expect(pool.x.filter((value) => held.x.includes(value))).toHaveLength(0);
  });

  test('a column that it lacks is named', async () => {
    expect(await failure(() => load({ ...labelled(), pool: csv('b\n5\n') }, { isPoolUsed: true }))).toMatchObject({
      code: 'DATA_COLUMN',
      message: expect.stringMatching(/data\.pool .*has no column "a"/),
    });
  });
});
