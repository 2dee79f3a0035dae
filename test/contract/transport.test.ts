// The contract of transports for both: memory on a virtual clock, and WebSocket on loopback.
import { describe } from 'vitest';
import { transportContract } from '@stillhouse/contract';
import { webSocketTransport } from '@stillhouse/transport';
import { Network, SimProcess, VirtualClock } from '../simulation/network.js';
import { runContract } from './contract.js';

/** Runs the virtual clock until a promise settles. */
const settling =
  (clock: VirtualClock) =>
  async <T>(work: Promise<T>): Promise<T> => {
    let isSettled = false;
    void work.then(
      () => (isSettled = true),
      () => (isSettled = true),
    );
    for (let tasks = 0; !isSettled && tasks < 10_000; tasks++) {
      clock.runNext();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return work;
  };

describe('WebSocket', () =>
  runContract(transportContract(() => ({ transport: webSocketTransport, address: '127.0.0.1:0' }))));

describe('memory', () =>
  runContract(
    transportContract(() => {
      const clock = new VirtualClock();
      const network = new Network(clock, 1, { minDelayMs: 1, maxDelayMs: 50, duplicates: 0, losses: 0 });
      const { transport } = new SimProcess('host', network, { rate: 1, offsetMs: 0 });
      return { transport, address: 'host:0', settle: settling(clock) };
    }),
  ));
