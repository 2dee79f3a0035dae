// The pages and scripts of docs/student.md, exactly as they stand there, say what `stillhouse predict` says.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { writeFixtures } from '../fixtures.js';
import { hasChromium, Pages } from './chromium.js';
import { nodeOf, root, Scratch } from './cli.js';

const docs = readFileSync(join(root, 'docs/student.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...docs.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text);
const [[tablePage, imagePage], [tableScript, imageScript]] = [blocks('html'), blocks('js')];

const nodes = [20, 22, 24].map((version) => ({ version, path: nodeOf(version) }));
const scratch = new Scratch();
const pages = new Pages();
const patience = { timeout: 60_000, interval: 100 };
const data = scratch.path('data');
beforeAll(() => {
  mkdirSync(data);
  return writeFixtures(data);
});
afterAll(async () => {
  await pages.close();
  scratch.clean();
});

/** A folder as a user has it: a student, the page, the script, and node_modules. */
async function project(
  recipe: object,
  { page, script }: { page: string; script: string },
): Promise<{ folder: string; run: string }> {
  const path = join(data, 'recipe.json');
  writeFileSync(path, JSON.stringify(recipe));
  const { folder: run } = await scratch.train(path, { backend: 'cpu' });
  const folder = scratch.out();
  mkdirSync(folder);
  cpSync(join(run, 'student'), join(folder, 'student'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'index.html'), page);
  writeFileSync(join(folder, 'predict.mjs'), script);
  return { folder, run };
}

/** Numbers and names of what `stillhouse predict` prints, without the columns of a table. */
async function predicted(run: string, stdin: string): Promise<string[][]> {
  const { stdout, stderr, code } = await scratch.run(['predict', run, '--backend', 'cpu'], { stdin });
  if (code !== 0) throw new Error(stderr);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  const [header] = lines;
  const at = header.indexOf('prediction');
  return at < 0 ? lines : lines.slice(1).map((line) => line.slice(at));
}

/** The same words, and numbers that are equal up to 1e-5 of their size. */
function expectEqual(seen: readonly string[][], expected: readonly string[][]): void {
  expect(seen.map((row) => row.length)).toEqual(expected.map((row) => row.length));
  expected.flat().forEach((each, i) => {
    const value = Number(each);
    if (Number.isNaN(value)) expect(seen.flat()[i]).toBe(each);
    else expect(Math.abs(Number(seen.flat()[i]) - value)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(value)));
  });
}

function runScript(node: string, folder: string, args: readonly string[] = []): string[][] {
  const { status, stdout, stderr } = spawnSync(node, ['predict.mjs', ...args], {
    cwd: folder,
    encoding: 'utf8',
    // Where colours are forced, numbers are printed in them.
    env: { ...process.env, FORCE_COLOR: '0' },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
}

const model = (outputs: number): object => ({ layers: [{ dense: 8, activation: 'relu' }, { dense: outputs }] });
const phase = (outputs: number): object => ({ model: model(outputs), epochs: 5 });
const table = {
  data: {
    large: { csv: 'houses.csv' },
    small: { csv: 'houses.csv', take: 60 },
    split: { test: 0.2 },
    table: {
      target: 'price',
      columns: {
        id: 'ignore',
        owner: 'ignore',
        area: { number: 'log' },
        rooms: { number: 'minMax' },
        age: { number: 'standardize', missing: 'mean', indicator: true },
        city: { category: 'oneHot' },
      },
    },
  },
};
const asked = ['85,3,12,Oslo', '40,1,,Lima', '120,4,7,Paris'];

describe.each([
  ['a table', { ...table, loss: 'mse', teacher: phase(1), student: phase(1) }],
  ['a model with a log-variance', { ...table, loss: 'gaussian', teacher: phase(2), student: phase(2) }],
])('%s', (_, recipe) => {
  let made: { folder: string; run: string };
  let expected: string[][];
  beforeAll(async () => {
    made = await project(recipe, { page: tablePage, script: tableScript });
    expected = await predicted(made.run, `area,rooms,age,city\n${asked.join('\n')}\n`);
  });

  for (const { version, path } of nodes)
    test.skipIf(!path)(`the script, with Node ${version} (skipped without it: npm run setup:engines)`, () => {
      expectEqual(runScript(path!, made.folder), expected);
    });

  test.skipIf(!hasChromium)(
    'the page (skipped without Chromium: install it, or set CHROMIUM to its path)',
    async () => {
      const page = await pages.open(made.folder, 'index.html');
      const shown = (): Promise<string> => page.locator('output').innerText();
      const fill = async (name: string, text: string): Promise<void> => {
        await page.fill(`input[name=${name}]`, text);
        await page.locator('form').dispatchEvent('change');
      };
      for (const [i, row] of asked.entries()) {
        for (const [k, name] of ['area', 'rooms', 'age', 'city'].entries()) await fill(name, row.split(',')[k]);
        // The page shows two decimals.
        const wanted = expected[i].map((value) => Number(value).toFixed(2));
        await vi.waitFor(async () => expectEqual([(await shown()).split(' ± ')], [wanted]), patience);
      }
      await fill('area', 'large');
      const refusal = 'row 1, column area: "large" is not a number';
      await vi.waitFor(async () => expect(await shown()).toBe(refusal), patience);
    },
  );
});

describe('images', () => {
  const files = ['cat/0', 'dog/1'].map((name) => join(data, `photos/${name}.png`));
  let made: { folder: string; run: string };
  let expected: string[][];
  beforeAll(async () => {
    const recipe = {
      data: {
        large: { images: { folder: 'photos', size: [14, 20] } },
        small: { images: { folder: 'photos', size: [14, 20] } },
        split: { test: 0.2 },
      },
      loss: 'softmaxCrossEntropy',
      teacher: { model: { layers: ['flatten', { dense: 2 }] }, epochs: 3 },
      student: { model: { layers: ['flatten', { dense: 2 }] }, epochs: 3 },
    };
    made = await project(recipe, { page: imagePage, script: imageScript });
    const rows = await Promise.all(files.map((file) => sharp(file).raw().toBuffer()));
    expected = await predicted(made.run, rows.map((bytes) => [...bytes].join(',')).join('\n'));
  });

  for (const { version, path } of nodes)
    test.skipIf(!path)(`the script, with Node ${version} (skipped without it: npm run setup:engines)`, () => {
      expectEqual(runScript(path!, made.folder, files), expected);
    });

  test.skipIf(!hasChromium)(
    'the page (skipped without Chromium: install it, or set CHROMIUM to its path)',
    async () => {
      const page = await pages.open(made.folder, 'index.html');
      await page.waitForSelector('body[data-ready]', { timeout: 60_000 });
      const shown = async (): Promise<string[]> => (await page.locator('output').innerText()).split(' ');
      for (const [i, file] of files.entries()) {
        await page.setInputFiles('input', file);
        await vi.waitFor(async () => expectEqual([await shown()], [expected[i]]), patience);
      }
    },
  );
});

test('the package is one file that imports nothing', () => {
  const dist = join(root, 'packages/student/dist');
  expect(readdirSync(dist).filter((name) => name.endsWith('.js'))).toEqual(['index.js']);
  expect(readFileSync(join(dist, 'index.js'), 'utf8')).not.toMatch(/\b(import|require)\s*[({'"]/);
  for (const name of ['index', 'error', 'student', 'types'])
    expect(readFileSync(join(dist, `${name}.d.ts`), 'utf8')).not.toMatch(/@stillhouse|@tensorflow/);
});
