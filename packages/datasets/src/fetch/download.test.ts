// Downloads from a real server on loopback.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { downloadDataset, knownDatasets } from './download.js';
import { dataFolders } from '../file/places.js';

let folder: string;
let server: Server;
let mirror: string;
let respond: (file: string) => Buffer | undefined;
const root = fileURLToPath(new URL('../../../..', import.meta.url));
const shared = join(dataFolders(process.env, root)[0], 'mnist');
const haveMnist = existsSync(join(shared, 'train-images-idx3-ubyte.gz'));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-fetch-'));
  respond = () => undefined;
  server = createServer((request, response) => {
    const body = respond(request.url!.slice(1));
    response.writeHead(body ? 200 : 404).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await new Promise((resolve) => server.close(resolve));
});

test('a file with other bytes is refused, and nothing is left in its place', async () => {
  respond = () => Buffer.from('not what was asked for');
  await expect(downloadDataset('mnist', folder, { mirror })).rejects.toMatchObject({ code: 'DATA_CHECKSUM' });
  expect(existsSync(join(folder, 'mnist', 'train-images-idx3-ubyte.gz'))).toBe(false);
});

test('a server that has nothing, or is not there, is named', async () => {
  await expect(downloadDataset('mnist', folder, { mirror })).rejects.toMatchObject({
    code: 'DATA_DOWNLOAD',
    message: expect.stringContaining('HTTP 404'),
  });
  await expect(downloadDataset('mnist', folder, { mirror: 'http://127.0.0.1:9' })).rejects.toMatchObject({
    code: 'DATA_DOWNLOAD',
  });
});

test('a folder that cannot be made is named', async () => {
  writeFileSync(join(folder, 'file'), '');
  await expect(downloadDataset('mnist', join(folder, 'file'), { mirror })).rejects.toMatchObject({
    code: 'OUT_UNWRITABLE',
  });
});

test.skipIf(!haveMnist)(
  'MNIST arrives verified by hash; a damaged file is fetched again, right ones are kept (skipped without ' +
    'MNIST: set STILLHOUSE_DATA)',
  async () => {
    respond = (file) => readFileSync(join(shared, file));
    const kept: boolean[] = [];
    mkdirSync(join(folder, 'mnist'));
    writeFileSync(join(folder, 'mnist', 't10k-labels-idx1-ubyte.gz'), 'damaged');
    const target = await downloadDataset('mnist', folder, {
      mirror,
      onFile: (_file, _bytes, wasThere) => kept.push(wasThere),
    });
    expect(target).toBe(join(folder, 'mnist'));
    expect(kept).toEqual([false, false, false, false]);
    await downloadDataset('mnist', folder, { mirror, onFile: (_file, _bytes, wasThere) => kept.push(wasThere) });
    expect(kept.slice(4)).toEqual(Object.keys(knownDatasets.mnist.files).map(() => true));
  },
);

test.skipIf(!existsSync(join(shared, '..', 'fashion-mnist')))(
  'Fashion-MNIST’s hashes are those of the files (skipped without the files: set STILLHOUSE_DATA)',
  async () => {
    respond = (file) => readFileSync(join(shared, '..', 'fashion-mnist', file));
    await downloadDataset('fashion-mnist', folder, { mirror });
    expect(existsSync(join(folder, 'fashion-mnist', 't10k-images-idx3-ubyte.gz'))).toBe(true);
  },
);
