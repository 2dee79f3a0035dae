// What WebSocket adds to the contract of transports (test/contract): addresses, and what others may send to its port.
import { request } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { limits } from '@stillhouse/core';
import type { Link, Listener } from '@stillhouse/core/cluster';
import { webSocketTransport } from './websocket.js';

let listener: Listener | undefined;

afterEach(async () => {
  await listener?.close();
  listener = undefined;
});

const listen = async (address = '127.0.0.1:0', onLink: (link: Link) => void = () => {}): Promise<string> => {
  listener = await webSocketTransport.listen(address, onLink);
  return listener.address;
};

test.each([
  ['no port', 'nonsense'],
  ['a port beyond 65535', '127.0.0.1:99999'],
  ['a port that is no number', '127.0.0.1:http'],
])('an address with %s is refused as a mistake of the user', async (_, address) => {
  await expect(webSocketTransport.listen(address, () => {})).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(/^\S+ .*HOST:PORT/),
  });
});

test('an address of another machine cannot be listened at', async () => {
  await expect(webSocketTransport.listen('192.0.2.1:0', () => {})).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
});

test('an address without a host is listened at on every interface, under the port that the system gave', async () => {
  expect(await listen(':0')).toMatch(/^ws:\/\/0\.0\.0\.0:[1-9]\d*$/);
});

test.skipIf(process.platform !== 'linux')('an IPv6 address keeps its brackets, and leads back', async () => {
  let far: Link | undefined;
  const address = await listen('[::1]:0', (link) => (far = link));
  expect(address).toMatch(/^ws:\/\/\[::1\]:\d+$/);
  const near = await webSocketTransport.connect(address);
  expect(near.localHost).toBe('::1');
  await expect.poll(() => far?.localHost).toBe('::1');
});

test('a link knows the host at which this machine is reached, without the dress of IPv6', async () => {
  const address = await listen();
  expect((await webSocketTransport.connect(address)).localHost).toBe('127.0.0.1');
});

test('what is no address cannot be connected to, and says why', async () => {
  await expect(webSocketTransport.connect('no address')).rejects.toMatchObject({
    code: 'COORDINATOR_UNREACHABLE',
    message: expect.stringContaining('no connection to no address: '),
  });
});

test('a browser that asks for a page gets an answer that names the protocol', async () => {
  const address = await listen();
  const [status, text] = await new Promise<[number | undefined, string]>((resolve, reject) => {
    request(address.replace('ws:', 'http:'), (response) => {
      let body = '';
      response.on('data', (part: Buffer) => (body += part.toString()));
      response.on('end', () => resolve([response.statusCode, body]));
    })
      .on('error', reject)
      .end();
  });
  expect([status, text]).toEqual([426, 'Stillhouse speaks WebSocket here.\n']);
});

test('a frame beyond the bound closes the link, and is never handed on', async () => {
  let far!: (link: Link) => void;
  const accepted = new Promise<Link>((resolve) => (far = resolve));
  const socket = new WebSocket(await listen('127.0.0.1:0', far));
  await new Promise((resolve) => socket.once('open', resolve));
  const link = await accepted;
  const frames: Uint8Array[] = [];
  link.onFrame((frame) => frames.push(frame));
  const closed = new Promise<string>((resolve) => link.onClose(resolve));
  socket.on('error', () => {});
  // The header of a frame that announces one byte too many; its content need not follow.
  const header = Buffer.alloc(14);
  header[0] = 0x82;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(limits.frameBytes) + 1n, 2);
  (socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(header);
  expect(await closed).toMatch(/max payload size exceeded/i);
  expect(frames).toEqual([]);
});

test('a reason is cut to what a close frame holds, between characters', async () => {
  let far!: (link: Link) => void;
  const accepted = new Promise<Link>((resolve) => (far = resolve));
  const near = await webSocketTransport.connect(await listen('127.0.0.1:0', far));
  const link = await accepted;
  const closed = new Promise<string>((resolve) => link.onClose(resolve));
  near.close('ä'.repeat(100));
  expect(await closed).toBe('ä'.repeat(60));
});
