// The cost model against what can be worked out by hand: sizes, counts, and times of small exchanges.
import { expect, test } from 'vitest';
import { simulateExchange, type Costs } from './exchange.js';

const free: Costs = {
  latencyMs: 0,
  bytesPerMs: Infinity,
  operationMs: 0,
  sendFrameMs: 0,
  receiveFrameMs: 0,
  sendByteMs: 0,
  receiveByteMs: 0,
  addByteMs: 0,
};
const headerBytes = 32;

test('two workers exchange halves: twice latency and time on the wire, and the time of their threads', () => {
  const frame = headerBytes + 4 * 2048;
  const wire = { latencyMs: 3, bytesPerMs: 1000 };
  const cluster = { workers: 2, parameters: 4096 };
  expect(simulateExchange(cluster, { ...free, ...wire }).ms).toBeCloseTo(2 * (3 + frame / 1000), 9);
  const thread = { operationMs: 5, sendFrameMs: 1, receiveFrameMs: 2, sendByteMs: 0.001, receiveByteMs: 0.002 };
  const { ms, busyMs } = simulateExchange(cluster, { ...free, ...thread, addByteMs: 0.01 });
  expect(busyMs).toBeCloseTo(5 + 2 * (1 + 2) + 2 * frame * 0.003 + 4 * 2048 * 0.01, 9);
  expect(ms).toBeCloseTo(busyMs, 9);
});

test.each([
  [3, 3 * 2048],
  [8, 2 ** 20],
  [8, 8 * 65_536 * 3],
  [64, 64 * 1024],
])(
  '%i workers send what reduce-scatter and all-gather of %i numbers need, and no card is faster than it is',
  (workers, parameters) => {
    const chunks = Math.ceil(parameters / workers / 65_536);
    const costs = { ...free, bytesPerMs: 1e6, latencyMs: 0.1 };
    const { ms, frames, bytes } = simulateExchange({ workers, parameters }, costs);
    expect(frames).toBe(2 * (workers - 1) * chunks);
    expect(bytes).toBe((8 * parameters * (workers - 1)) / workers + frames * headerBytes);
    expect(ms).toBeGreaterThanOrEqual(bytes / costs.bytesPerMs);
  },
);

test('no two members begin with the same one, so that cards never wait for each other', () => {
  const frame = (headerBytes + 4 * 1024) / 10;
  for (const workers of [3, 8]) {
    const { ms } = simulateExchange({ workers, parameters: 1024 * workers }, { ...free, bytesPerMs: 10 });
    expect(ms).toBeCloseTo(2 * (workers - 1) * frame, 9);
  }
});

test('of several workers per host the card sends each sum once', () => {
  const cluster = { workers: 64, parameters: 64 * 1024, perHost: 8 };
  const costs = { ...free, bytesPerMs: 1e6, sendFrameMs: 0.01, receiveFrameMs: 0.01 };
  const [apart, product] = [simulateExchange({ ...cluster, relays: false }, costs), simulateExchange(cluster, costs)];
  // Each of 8 workers sends 56 pages elsewhere, and its own to 56; together they need to do so once.
  const cardBytes = (frames: number): number => frames * (headerBytes + 4 * 1024);
  expect(apart.cardBytes).toBe(cardBytes(8 * 2 * 56));
  expect(product.cardBytes).toBe(cardBytes(56 + 8 * 7));
  expect(product.ms).toBeLessThan(apart.ms);
});
