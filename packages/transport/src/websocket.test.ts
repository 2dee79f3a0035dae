// What WebSocket adds to the contract of transports (test/contract): addresses, and what others may send to its port.
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { limits } from '@stillhouse/core';
import type { Link, Listener } from '@stillhouse/core/cluster';
import { webSocketTransport } from './websocket.js';
import type { WebSocketLink } from './websocket-link.js';

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
  link.admit({ frameBytes: limits.frameBytes });
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
  expect(await closed).toBe('a frame is longer than it may be');
  expect(frames).toEqual([]);
});

/** A connection whose bytes are ours, after the handshake of WebSocket. */
async function rawSocket(address: string, headers = ''): Promise<{ socket: Socket; status: string }> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${headers}\r\n`,
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return { socket, status: answer.toString().split(' ')[1] };
}

test('a script of a web page is refused', async () => {
  let links = 0;
  const address = await listen('127.0.0.1:0', () => (links += 1));
  for (const header of ['Origin: https://example.org', 'Origin: null', 'Sec-WebSocket-Origin: http://localhost'])
    expect((await rawSocket(address, `${header}\r\n`)).status).toBe('403');
  expect((await rawSocket(address)).status).toBe('101');
  expect(links).toBe(1);
});

test('a stranger that announces a long frame, in one piece or in fragments, is cut before it is received', async () => {
  const links: Link[] = [];
  const address = await listen('127.0.0.1:0', (link) => links.push(link));
  const long = Buffer.alloc(14);
  long[0] = 0x82;
  long[1] = 0x80 | 127;
  long.writeBigUInt64BE(1n << 30n, 2);
  // 2 KiB each, of one message.
  const fragment = Buffer.alloc(8 + 2048);
  fragment[0] = 0x02;
  fragment[1] = 0x80 | 126;
  fragment.writeUInt16BE(2048, 2);
  const next = Buffer.from(fragment);
  next[0] = 0x00;
  for (const bytes of [long, Buffer.concat([fragment, next, next])]) {
    const { socket } = await rawSocket(address);
    const link = links.at(-1)!;
    let frames = 0;
    link.onFrame(() => (frames += 1));
    const closed = new Promise<string>((resolve) => link.onClose(resolve));
    socket.write(bytes);
    expect(await closed).toBe('a frame is longer than it may be');
    expect(frames).toBe(0);
  }
});

test(
  'connections that do not say who they are are cut: those that ask for no upgrade, those that say nothing, and ' +
    'those that begin a frame',
  async () => {
    const admitted: Link[] = [];
    const address = await listen('127.0.0.1:0', (link) => admitted.push(link));
    const welcome = await webSocketTransport.connect(address);
    admitted[0].admit({ frameBytes: 1 });
    const { hostname, port } = new URL(address);
    const silent = Array.from({ length: 200 }, () => connect(Number(port), hostname));
    const slow = connect(Number(port), hostname);
    slow.write('GET / HTTP/1.1\r\nHost: x\r\n');
    const { socket: begun } = await rawSocket(address);
    begun.write(Buffer.of(0x82, 0x80 | 100, 0, 0, 0));
    await Promise.all([...silent, slow, begun].map((socket) => once(socket.resume(), 'close')));
    let isClosed = false;
    welcome.onClose(() => (isClosed = true));
    const heard = new Promise<Uint8Array>((resolve) => welcome.onFrame(resolve));
    admitted[0].send(Uint8Array.of(1));
    expect([...(await heard)]).toEqual([1]);
    expect(isClosed).toBe(false);
  },
  30_000,
);

test('of too many connections that do not say who they are the oldest is cut', async () => {
  const address = await listen();
  const { hostname, port } = new URL(address);
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return socket.resume();
  };
  const first = await open();
  const closed = once(first, 'close');
  const others = await Promise.all(Array.from({ length: limits.strangerCount }, open));
  await closed;
  expect(others.filter(({ destroyed }) => destroyed)).toEqual([]);
  for (const socket of others) socket.destroy();
});

test('an admitted link whose other end does not read is cut when too much waits', async () => {
  const links: Link[] = [];
  const address = await listen('127.0.0.1:0', (link) => links.push(link));
  const { socket } = await rawSocket(address);
  socket.pause();
  links[0].admit({ frameBytes: 100, queuedBytes: 1024 * 1024 });
  const closed = new Promise<string>((resolve) => links[0].onClose(resolve));
  for (let sent = 0; sent < 64; sent++) links[0].send(new Uint8Array(1024 * 1024));
  expect(await closed).toBe('the other end does not read what it is sent');
});

test('frames are received into the memory where they are wanted, a few bytes or many', async () => {
  const links: Link[] = [];
  const near = await webSocketTransport.connect(await listen('127.0.0.1:0', (link) => links.push(link)));
  const memory = new Uint8Array(new SharedArrayBuffer(3 * 1024 * 1024));
  const misfits: number[] = [];
  let arrived!: (data: Uint8Array) => void;
  const next = (): Promise<Uint8Array> => new Promise((resolve) => (arrived = resolve));
  near.receiveInto!({
    headerBytes: 2,
    place: ([from, count]) => memory.subarray(from * 1024, (from + count) * 1024),
    arrived: (data) => arrived(data),
    misfit: (bytes) => misfits.push(bytes),
  });
  for (const [from, count] of [
    [0, 1],
    [3, 200],
    [7, 0],
  ]) {
    const place = next();
    links[0].send(Uint8Array.of(from, count), new Uint8Array(count * 1024).fill(count));
    const data = await place;
    expect(data.byteOffset).toBe(from * 1024);
    expect([data.byteLength, data.every((byte) => byte === count)]).toEqual([count * 1024, true]);
  }
  const closed = new Promise<string>((resolve) => near.onClose(resolve));
  links[0].send(Uint8Array.of(0, 1), new Uint8Array(5));
  links[0].close('over');
  expect(await closed).toBe('over');
  expect(misfits).toEqual([7]);
  near.abort();
});

test('an admitted link that begins a frame must get on with it; steady and idle ones are not cut', async () => {
  const links: Link[] = [];
  const address = await listen('127.0.0.1:0', (link) => links.push(link));
  const header = Buffer.alloc(14);
  header[0] = 0x82;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(1n << 29n, 2);
  const sockets: Socket[] = [];
  while (sockets.length < 3) sockets.push((await rawSocket(address)).socket);
  const [slow, steady, idle] = links as WebSocketLink[];
  const closed = new Map<Link, string>();
  for (const link of links) {
    link.admit({ frameBytes: limits.frameBytes });
    link.onClose((reason) => closed.set(link, reason));
  }
  for (const socket of sockets.slice(0, 2)) socket.write(header);
  const ticks = Math.ceil(limits.unfinishedFrameMs / limits.tickIntervalMs);
  for (let tick = 0; tick <= ticks + 2 && !closed.has(slow); tick++) {
    sockets[0].write(Buffer.of(0));
    sockets[1].write(Buffer.alloc(limits.frameBytesPerTick));
    await delay(5);
    for (const link of [slow, steady, idle]) link.tick();
  }
  await expect.poll(() => closed.get(slow)).toBe('a frame was begun and not finished');
  expect([closed.has(steady), closed.has(idle)]).toEqual([false, false]);
});

test('a link that was closed hears nothing more', async () => {
  let far!: (link: Link) => void;
  const accepted = new Promise<Link>((resolve) => (far = resolve));
  const { socket } = await rawSocket(await listen('127.0.0.1:0', far));
  const link = await accepted;
  let frames = 0;
  link.onFrame(() => {
    frames += 1;
    link.close();
  });
  socket.write(Buffer.concat(Array(100).fill(Buffer.of(0x82, 0x80 | 1, 0, 0, 0, 0, 7))));
  await new Promise<void>((resolve) => {
    link.onClose(() => resolve());
    setTimeout(() => socket.destroy(), 100);
  });
  expect(frames).toBe(1);
});

test('a link that is sent long frames may have a few of them waiting', async () => {
  const links: Link[] = [];
  const address = await listen('127.0.0.1:0', (link) => links.push(link));
  const { socket } = await rawSocket(address);
  socket.pause();
  links[0].admit({ frameBytes: 100, queuedBytes: 1024 });
  let closed: string | undefined;
  links[0].onClose((reason) => (closed = reason));
  const long = new Uint8Array(16 * 1024 * 1024);
  for (let sent = 0; sent < limits.longFramesQueued; sent++) links[0].send(long);
  expect(links[0].isSending).toBe(true);
  await delay(50);
  expect(closed).toBeUndefined();
  for (let sent = 0; sent < limits.longFramesQueued; sent++) links[0].send(long);
  await expect.poll(() => closed).toBe('the other end does not read what it is sent');
});

test('a reason is printed without what a terminal would obey', async () => {
  let far!: (link: Link) => void;
  const accepted = new Promise<Link>((resolve) => (far = resolve));
  const near = await webSocketTransport.connect(await listen('127.0.0.1:0', far));
  const closed = accepted.then((link) => new Promise<string>((resolve) => link.onClose(resolve)));
  near.close('over\u001b[2J');
  expect(await closed).toBe('over\\u{1b}[2J');
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
