// A browser loads what a run wrote and gives the same predictions.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { root, Scratch, smallRecipe } from './cli.js';

const executablePath =
  process.env['CHROMIUM'] ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
const scratch = new Scratch();
const servers: Server[] = [];
let browser: Browser | undefined;
afterAll(async () => {
  scratch.clean();
  await browser?.close();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

const types: Record<string, string> = {
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.bin': 'application/octet-stream',
  '.html': 'text/html',
};

/** Serves a run folder, with TFJS and the functions of the core beside it. */
async function serve(folder: string): Promise<string> {
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://x').pathname;
    const file =
      path === '/tf.js'
        ? join(root, 'node_modules/@tensorflow/tfjs/dist/tf.min.js')
        : path.startsWith('/core/')
          ? join(root, 'packages/core/dist', path.slice(6))
          : join(folder, path);
    if (path === '/') response.writeHead(200, { 'content-type': 'text/html' }).end('<script src="/tf.js"></script>');
    else if (!existsSync(file)) response.writeHead(404).end();
    else
      response
        .writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' })
        .end(readFileSync(file));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a script in a page with a run folder and TFJS evaluates to. */
async function inPage<T>(folder: string, script: string): Promise<T> {
  browser ??= await chromium.launch({
    executablePath: executablePath!,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const page = await browser.newPage();
  await page.goto(await serve(folder));
  return page.evaluate<T>(`(async () => { await tf.setBackend('cpu'); ${script} })()`);
}

test.skipIf(!executablePath)(
  'teacher and student open in a browser (skipped without Chromium: install it, or set CHROMIUM to its path)',
  async () => {
    const { folder } = await scratch.train(smallRecipe());
    const row = Array.from({ length: 10 }, (_, i) => i / 10);
    const expected: number[] = [];
    for (const name of ['teacher', 'student'])
      expected.push(Number((await scratch.run(['predict', folder, '--model', name], { stdin: row.join(',') })).stdout));
    const seen = await inPage<number[]>(
      folder,
      `
    const out = [];
    for (const name of ['teacher', 'student']) {
      const model = await tf.loadLayersModel('/' + name + '/model.json');
      out.push((await model.predict(tf.tensor2d([${JSON.stringify(row)}])).data())[0]);
    }
    return out;`,
    );
    expect(seen).toEqual(expected.map((value) => expect.closeTo(value, 5)));
  },
);

test.skipIf(!executablePath)(
  'rows of a table are encoded in a browser as they were for training (skipped without Chromium: install it, or set CHROMIUM to its path)',
  async () => {
    const data = scratch.path('table');
    mkdirSync(data);
    const cities = ['Oslo', 'Lima', 'Kyoto'];
    const rows = Array.from({ length: 120 }, (_, i) => ({
      area: String(20 + ((i * 37) % 180)),
      age: i % 9 === 0 ? '' : String((i * 13) % 90),
      city: cities[i % 3],
    }));
    writeFileSync(
      join(data, 'houses.csv'),
      `area,age,city,price\n${rows.map(({ area, age, city }, i) => `${area},${age},${city},${1000 * Number(area) + 5000 * (i % 3)}`).join('\n')}\n`,
    );
    const recipe = join(data, 'recipe.json');
    writeFileSync(
      recipe,
      JSON.stringify({
        data: {
          large: { csv: 'houses.csv' },
          split: { test: 0.2 },
          table: {
            target: 'price',
            columns: {
              area: { number: 'log' },
              age: { number: 'minMax', missing: 'mean', indicator: true },
              city: { category: 'oneHot' },
            },
          },
        },
        loss: 'mse',
        teacher: { model: { layers: [{ dense: 8, activation: 'relu' }, { dense: 1 }] }, epochs: 5 },
      }),
    );
    const { folder } = await scratch.train(recipe, ['--backend', 'cpu']);
    // One whole, one with a missing number, one with a category that training did not know.
    const asked = [
      { area: '85.5', age: '30', city: 'Lima' },
      { area: '40', age: '', city: 'Oslo' },
      { area: '120', age: '7', city: 'Paris' },
    ];
    const { stdout } = await scratch.run(['predict', folder, '--model', 'teacher'], {
      stdin: `area,age,city\n${asked.map((row) => Object.values(row).join(',')).join('\n')}\n`,
    });
    const seen = await inPage<number[]>(
      folder,
      `
    const { encodeRow } = await import('/core/columns.js');
    const { columns, targets: [{ mean, deviation }] } = (await (await fetch('/teacher/model.json')).json()).userDefinedMetadata.stillhouse;
    const model = await tf.loadLayersModel('/teacher/model.json');
    const rows = ${JSON.stringify(asked)}.map((row) => Array.from(encodeRow(columns, row)));
    return Array.from(await model.predict(tf.tensor2d(rows)).data(), (value) => value * deviation + mean);`,
    );
    const expected = stdout.trim().split('\n').map(Number);
    expect(expected).toHaveLength(3);
    expect(seen.map((value, i) => value / expected[i])).toEqual([1, 1, 1].map((one) => expect.closeTo(one, 5)));
  },
);
