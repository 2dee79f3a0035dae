// One suite for both transports: memory on a virtual clock, and WebSocket on loopback.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { Link, Listener, Transport } from '@stillhouse/core';
import { webSocketTransport } from '@stillhouse/transport';
import { Network, SimProcess, VirtualClock } from '../simulation/network.js';

interface Subject {
  readonly name: string;
  readonly address: string;
  readonly open: () => { transport: Transport; pass: <T>(work: Promise<T>) => Promise<T> };
}

/** Runs the virtual clock until a promise settles. */
function passing(clock: VirtualClock): <T>(work: Promise<T>) => Promise<T> {
  return async (work) => {
    let settled = false;
    void work.then(
      () => (settled = true),
      () => (settled = true),
    );
    for (let tasks = 0; !settled && tasks < 10_000; tasks++) {
      clock.runNext();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return work;
  };
}

const subjects: Subject[] = [
  {
    name: 'memory',
    address: 'host:0',
    open: () => {
      const clock = new VirtualClock();
      const network = new Network(clock, 1, { minDelayMs: 1, maxDelayMs: 50, duplicates: 0, losses: 0 });
      return { transport: new SimProcess('host', network, { rate: 1, offsetMs: 0 }).transport, pass: passing(clock) };
    },
  },
  { name: 'WebSocket', address: '127.0.0.1:0', open: () => ({ transport: webSocketTransport, pass: (work) => work }) },
];

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const nextFrames = (link: Link, count: number): Promise<number[][]> =>
  new Promise((resolve) => {
    const frames: number[][] = [];
    link.onFrame((frame) => {
      frames.push([...frame]);
      if (frames.length === count) resolve(frames);
    });
  });
const closing = (link: Link): Promise<string> => new Promise((resolve) => link.onClose(resolve));

describe.each(subjects)('$name transport', ({ address, open }) => {
  let listener: Listener | undefined;
  const { transport, pass } = open();

  /** Both ends of a fresh link. */
  async function pair(): Promise<[near: Link, far: Link]> {
    let far!: Link;
    listener = await transport.listen(address, (link) => (far = link));
    const near = await pass(transport.connect(listener.address));
    if (!far) await delay(50);
    return [near, far];
  }

  afterEach(async () => {
    await listener?.close();
    listener = undefined;
  });

  test('frames arrive whole, in order, their parts joined', async () => {
    const [near, far] = await pair();
    const received = nextFrames(far, 3);
    near.send(bytes(1), bytes(2, 3));
    near.send(bytes(4));
    near.send(bytes(5), bytes());
    expect(await pass(received)).toEqual([[1, 2, 3], [4], [5]]);
  });

  test('frames that arrive before anybody listens are kept', async () => {
    const [near, far] = await pair();
    near.send(bytes(1));
    near.send(bytes(2));
    const reply = nextFrames(near, 1);
    far.send(bytes(9));
    await pass(reply);
    expect(await pass(nextFrames(far, 2))).toEqual([[1], [2]]);
  });

  test('a closing reaches both ends with its reason, after the frames before it', async () => {
    const [near, far] = await pair();
    const order: string[] = [];
    far.onFrame((frame) => void order.push(`frame ${frame[0]}`));
    const farClosed = closing(far).then((reason) => order.push(reason));
    const nearClosed = closing(near);
    near.send(bytes(7));
    near.close('phase over');
    await pass(Promise.all([farClosed, nearClosed]));
    expect(order).toEqual(['frame 7', 'phase over']);
    // A closed link takes frames and drops them.
    near.send(bytes(8));
  });

  test('a link that closed before anybody asked still says so', async () => {
    const [near, far] = await pair();
    const nearClosed = closing(near);
    far.close('early');
    await pass(nearClosed);
    expect(await pass(closing(near))).toBe('early');
  });

  test('a long reason is cut, not lost', async () => {
    const [near, far] = await pair();
    const farClosed = closing(far);
    near.close(`because ${'ä'.repeat(200)}`);
    expect(await pass(farClosed)).toMatch(/^because ä+$/);
  });

  test('an address in use and an address without listener are told apart', async () => {
    await pair();
    await expect(pass(transport.listen(listener!.address.replace('ws://', ''), () => {}))).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
    const gone = listener!.address;
    await listener!.close();
    await expect(pass(transport.connect(gone))).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
  });

  test('a megabyte crosses unharmed', async () => {
    const [near, far] = await pair();
    const payload = Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i * 31) % 256);
    const received = new Promise<Uint8Array>((resolve) => far.onFrame(resolve));
    near.send(bytes(1), payload);
    const frame = await pass(received);
    expect(Buffer.compare(Buffer.from(frame).subarray(1), payload)).toBe(0);
  });
});

test('an address that cannot be parsed, or is not of this machine, is refused', async () => {
  await expect(webSocketTransport.listen('nonsense', () => {})).rejects.toMatchObject({ code: 'USAGE' });
  await expect(webSocketTransport.listen('127.0.0.1:99999', () => {})).rejects.toMatchObject({ code: 'USAGE' });
  await expect(webSocketTransport.listen('192.0.2.1:0', () => {})).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  await expect(webSocketTransport.connect('no address')).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
});
