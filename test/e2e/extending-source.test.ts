// The source of docs/extending.md, as it is printed there: it trains to equal hashes on any number of workers, and
// passes the contract of sources.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sourceContract, type SourceSubject } from '@stillhouse/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunOptions } from 'stillhouse';
import { root, Scratch } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const section = readFileSync(join(root, 'docs/extending.md'), 'utf8')
  .split(/^## /m)
  .find((text) => text.startsWith('A source'))!;
const printed = (language: string): string => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(section)![1];
const options = { logs: 'readings-*.log', width: 8 };

beforeAll(() => {
  mkdirSync(scratch.path('node_modules'));
  symlinkSync(join(root, 'packages/stillhouse'), scratch.path('node_modules/stillhouse'));
  scratch.write('readings.mjs', printed('js'));
  scratch.write('recipe.yaml', printed('yaml'));
  for (const day of [1, 2])
    scratch.write(
      `readings-${day}.log`,
      Array.from({ length: 300 }, (_, i) => Math.sin(i / 5 + day).toFixed(4)).join('\n'),
    );
});

const train = (options: RunOptions = {}) => scratch.train(scratch.path('recipe.yaml'), { backend: 'cpu', ...options });

test('it trains to equal hashes on one worker and on three; its options and its text belong to the job', async () => {
  const [one, three] = [await train(), await train({ workers: 3 })];
  const { teacher, assetsSha256, dataset } = one.record;
  expect(three.record.teacher!.weightsSha256).toBe(teacher!.weightsSha256);
  expect(dataset.rows).toMatchObject({ large: 467, test: 117 });

  const other = await train({ set: { 'data.large.options.width': 4 } });
  expect(other.record.teacher!.weightsSha256).not.toBe(teacher!.weightsSha256);
  expect(other.record.assetsSha256).toBe(assetsSha256);

  writeFileSync(scratch.path('readings.mjs'), `${printed('js')}// changed\n`);
  const changed = await train();
  expect(changed.record.teacher!.weightsSha256).toBe(teacher!.weightsSha256);
  expect(changed.record.assetsSha256).not.toBe(assetsSha256);

  writeFileSync(scratch.path('readings.mjs'), printed('js').replace('y: readings[i + width]', 'y: readings[i]'));
  const edited = await train();
  expect(edited.record.teacher!.weightsSha256).not.toBe(teacher!.weightsSha256);
  writeFileSync(scratch.path('readings.mjs'), printed('js'));
}, 120_000);

test('a file that it names may not change once its data is pinned', async () => {
  const path = scratch.path('recipe.yaml');
  await scratch.run(['data', 'prepare', path]);
  writeFileSync(scratch.path('readings-2.log'), Array.from({ length: 200 }, (_, i) => String(i)).join('\n'));
  const { code, stderr } = await scratch.run(['data', 'prepare', path]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/DATA_CHANGED.*readings-2\.log/);
});

test('wrong options are refused in the module’s own words', async () => {
  const { code, stderr } = await scratch.run([
    'data',
    'prepare',
    scratch.path('recipe.yaml'),
    '--set',
    'data.large.options.width=0',
  ]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/DATA_MODULE.*readings\.mjs: width is 0; it must be a positive integer/);
});

test('it passes the contract of sources', async () => {
  const { default: kind } = (await import(pathToFileURL(scratch.path('readings.mjs')).href)) as {
    default: SourceSubject<typeof options>['kind'];
  };
  for (const { run } of sourceContract(() => ({ kind, config: options, folder: scratch.folder }))) await run();
});
