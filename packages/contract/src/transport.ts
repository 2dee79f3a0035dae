// What every transport does: frames arrive whole and in order, and a link that closes says so at both ends.
import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { limits } from '@stillhouse/core';
import type { Link, Listener, Transport } from '@stillhouse/core/cluster';
import { contractOf, type ContractTest, type Make } from './contract-test.js';

export interface TransportSubject {
  readonly transport: Transport;
  /** Where it can listen, as often as it is asked to. */
  readonly address: string;
  /** Lets time pass until a promise settles, for transports on a clock that stands still otherwise. */
  settle?<T>(work: Promise<T>): Promise<T>;
  close?(): Promise<void>;
}

/** Both ends of a fresh link, and who listens at the far one. */
interface Linked {
  readonly near: Link;
  readonly far: Link;
  readonly listener: Listener;
  readonly settle: <T>(work: Promise<T>) => Promise<T>;
}

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

/** A test of two ends that are linked. */
const linked =
  (test: (link: Linked, subject: TransportSubject) => Promise<void>) =>
  async (subject: TransportSubject): Promise<void> => {
    const { transport, address } = subject;
    const settle = <T>(work: Promise<T>): Promise<T> => subject.settle?.(work) ?? work;
    let accept!: (link: Link) => void;
    const accepted = new Promise<Link>((resolve) => (accept = resolve));
    const listener = await settle(transport.listen(address, accept));
    try {
      const [near, far] = await settle(Promise.all([transport.connect(listener.address), accepted]));
      await test({ near, far, listener, settle }, subject);
    } finally {
      await settle(listener.close());
    }
  };

const tests: Readonly<Record<string, (subject: TransportSubject) => Promise<void>>> = {
  'frames arrive whole, in order, their parts joined': linked(async ({ near, far, settle }) => {
    const received = nextFrames(far, 3);
    near.send(bytes(1), bytes(2, 3));
    near.send(bytes(4));
    near.send(bytes(5), bytes());
    deepEqual(await settle(received), [[1, 2, 3], [4], [5]]);
  }),

  'frames that arrive before anybody listens are kept': linked(async ({ near, far, settle }) => {
    near.send(bytes(1));
    near.send(bytes(2));
    const reply = nextFrames(near, 1);
    far.send(bytes(9));
    await settle(reply);
    deepEqual(await settle(nextFrames(far, 2)), [[1], [2]]);
  }),

  'a megabyte crosses unharmed': linked(async ({ near, far, settle }) => {
    const payload = Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i * 31) % 256);
    const received = new Promise<Uint8Array>((resolve) => far.onFrame(resolve));
    far.admit({ frameBytes: 2 ** 20 + 1 });
    near.send(bytes(1), payload);
    equal(Buffer.compare(Buffer.from(await settle(received)).subarray(1), payload), 0);
  }),

  'a frame that is longer than a hello may be cuts a link that is not admitted, and is not handed on': linked(
    async ({ near, far, settle }) => {
      const frames: Uint8Array[] = [];
      far.onFrame((frame) => void frames.push(frame));
      const ends = [closing(near), closing(far)];
      near.send(new Uint8Array(limits.helloBytes + 1));
      await settle(Promise.all(ends));
      deepEqual(frames, []);
    },
  ),

  'an admitted link is cut by a frame beyond its bound': linked(async ({ near, far, settle }) => {
    far.admit({ frameBytes: 2 * limits.helloBytes });
    const received = new Promise<Uint8Array>((resolve) => far.onFrame(resolve));
    const farClosed = closing(far);
    near.send(new Uint8Array(2 * limits.helloBytes));
    equal((await settle(received)).byteLength, 2 * limits.helloBytes);
    near.send(new Uint8Array(2 * limits.helloBytes + 1));
    await settle(farClosed);
  }),

  'a link whose other end says nothing is cut after a while; one that is admitted stays': linked(
    async ({ near, far, listener, settle }, { transport }) => {
      near.send(bytes(1));
      far.admit({ frameBytes: limits.helloBytes });
      const silent = await settle(transport.connect(listener.address));
      await settle(closing(silent));
      const received = nextFrames(near, 1);
      far.send(bytes(2));
      deepEqual(await settle(received), [[2]]);
    },
  ),

  'a closing reaches both ends with its reason, after the frames before it': linked(async ({ near, far, settle }) => {
    const order: string[] = [];
    far.onFrame((frame) => void order.push(`frame ${frame[0]}`));
    const farClosed = closing(far).then((reason) => order.push(reason));
    const nearClosed = closing(near);
    near.send(bytes(7));
    near.close('phase over');
    await settle(Promise.all([farClosed, nearClosed]));
    deepEqual(order, ['frame 7', 'phase over']);
  }),

  'a closed link takes frames and drops them': linked(async ({ near, far, settle }) => {
    const ends = [closing(near), closing(far)];
    near.close('over');
    await settle(Promise.all(ends));
    near.send(bytes(8));
    far.send(bytes(9));
  }),

  'a link that closed before anybody asked still says so': linked(async ({ near, far, settle }) => {
    const nearClosed = closing(near);
    far.close('early');
    await settle(nearClosed);
    equal(await settle(closing(near)), 'early');
  }),

  'an aborted link closes at the other end': linked(async ({ near, far, settle }) => {
    const farClosed = closing(far);
    near.abort();
    await settle(farClosed);
  }),

  'a long reason is cut, not lost': linked(async ({ near, far, settle }) => {
    const farClosed = closing(far);
    near.close(`because ${'ä'.repeat(200)}`);
    match(await settle(farClosed), /^because ä+$/);
  }),

  'an address in use and an address without listener have codes of their own': linked(
    async ({ listener, settle }, { transport }) => {
      const inUse = listener.address.replace(/^\w+:\/\//, '');
      await rejects(settle(transport.listen(inUse, () => {})), { code: 'PORT_IN_USE' });
      await settle(listener.close());
      await rejects(settle(transport.connect(listener.address)), { code: 'COORDINATOR_UNREACHABLE' });
    },
  ),
};

/** @param make a transport, and an address at which it can listen; one may serve all tests */
export const transportContract = (make: Make<TransportSubject>): ContractTest[] => contractOf(make, tests);
