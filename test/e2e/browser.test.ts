// A browser loads what a run wrote and gives the same predictions.
import { existsSync, readFileSync } from 'node:fs';
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

/** Serves a run folder, with TFJS beside it. */
async function serve(folder: string): Promise<string> {
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://x').pathname;
    const file = path === '/tf.js' ? join(root, 'node_modules/@tensorflow/tfjs/dist/tf.min.js') : join(folder, path);
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
