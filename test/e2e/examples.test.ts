// Every example, at a small size: the recipe as it is but for fewer rows and epochs.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { mnistFolder, root, Scratch } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const has = (name: string): boolean => mnistFolder !== undefined && existsSync(join(dirname(mnistFolder), name));
const missing = (name: string): string => (has(name) ? '' : ` (skipped without ${name} in the data folder: set STILLHOUSE_DATA)`);

describe('examples run at a small size', () => {
  const set = (...settings: string[]): string[] => settings.flatMap((setting) => ['--set', setting]);

  test.skipIf(!has('mnist'))(`mnist${missing('mnist')}`, async () => {
    const { record } = await scratch.train(join(root, 'examples/mnist/recipe.yaml'), set('data.large.take=2000', 'data.small.perClass=5', 'data.test.take=500', 'teacher.epochs=1', 'student.epochs=3'));
    expect(record.dataset.rows).toMatchObject({ large: 2000, small: 50, test: 500 });
  });

  test.skipIf(!has('usps'))(`usps: images of another size, resized and padded${missing('usps')}`, async () => {
    const { record } = await scratch.train(join(root, 'examples/usps/recipe.yaml'), set('data.large.take=2000', 'data.small.perClass=5', 'data.test.take=500', 'teacher.epochs=2', 'student.epochs=3'));
    expect(record.dataset.rows).toMatchObject({ large: 2000, small: 50, test: 500 });
    expect(record.dataset['inputShape']).toEqual([28, 28, 1]);
    // It has seen digits, if other ones: far better than one in ten.
    expect(record.teacher!.test['accuracy']).toBeGreaterThan(0.3);
  });
});
