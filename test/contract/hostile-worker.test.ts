// Workers with the token that ask a real coordinator, over sockets, for what it does not have, or for too much.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { joinBytes, limits, randomStream } from '@stillhouse/core';
import {
  decodeToWorker,
  emptyHistory,
  encodeMessage,
  type Link,
  type ToCoordinator,
  type ToWorker,
} from '@stillhouse/core/cluster';
import { startCoordinator, type RunningCoordinator } from '@stillhouse/coordinator';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { helloOf } from '../fuzz/frames.js';
import { SimDisk } from '../simulation/disk.js';
import { Network, SimProcess, VirtualClock } from '../simulation/network.js';
import { scenarioOf } from '../simulation/scenario.js';

let coordinator: RunningCoordinator | undefined;
/** Blocks that were read, and how many at once. */
const reads = { count: 0, open: 0, most: 0 };
const blockBytes = 1024 * 1024;

afterEach(async () => {
  coordinator?.interrupt({ code: 'INTERRUPTED', message: 'the test is over' });
  await coordinator?.ended;
});

async function listen(): Promise<string> {
  const process = new SimProcess(
    'coordinator',
    new Network(new VirtualClock(), 1, { minDelayMs: 1, maxDelayMs: 1, duplicates: 0, losses: 0 }),
    { rate: 1, offsetMs: 0 },
  );
  coordinator = await startCoordinator({
    machine: {
      job: scenarioOf(7).job,
      token: 't',
      meshToken: 'm',
      workers: 2,
      minWorkers: 1,
      allowMixed: false,
      joinTimeoutMs: Infinity,
      heartbeatTimeoutMs: 10_000,
      checkpointEveryMs: Infinity,
      term: 1,
      history: emptyHistory,
    },
    listen: '127.0.0.1:0',
    blocks: {
      read: async (hash) => {
        Object.assign(reads, {
          count: reads.count + 1,
          open: reads.open + 1,
          most: Math.max(reads.most, reads.open + 1),
        });
        await delay(20);
        reads.open -= 1;
        return hash.startsWith('0') ? undefined : new Uint8Array(blockBytes);
      },
    },
    store: new SimDisk(randomStream(1), () => {}).storeOf(process),
    transport: webSocketTransport,
    clock: systemClock,
    onNotice: () => {},
  });
  Object.assign(reads, { count: 0, open: 0, most: 0 });
  return coordinator.address;
}

interface Attacker {
  readonly link: Link;
  readonly heard: ToWorker[];
  readonly closed: Promise<string>;
  readonly say: (message: ToCoordinator) => void;
}

async function attacker(address: string): Promise<Attacker> {
  const link = await webSocketTransport.connect(address);
  const heard: ToWorker[] = [];
  link.onFrame((frame) => heard.push(decodeToWorker(frame)));
  const closed = new Promise<string>((resolve) => link.onClose(resolve));
  const say = (message: ToCoordinator): void => link.send(joinBytes(encodeMessage(message)));
  say(helloOf('t', `i${Math.random()}`) as ToCoordinator);
  await expect.poll(() => heard.length).toBe(1);
  return { link, heard, closed, say };
}

const hashOf = (first: string, number: number): string => first + number.toString(16).padStart(63, '0');

test('a block that is not part of the run expels the worker that asks for it', async () => {
  const hostile = await attacker(await listen());
  hostile.say({ type: 'getBlock', hash: hashOf('0', 1), direct: true });
  await hostile.closed;
  expect(hostile.heard.at(-1)).toMatchObject({
    type: 'rejected',
    error: { code: 'PROTOCOL_VIOLATION', message: expect.stringContaining('which does not belong to this run') },
  });
});

test('the same block ten thousand times is read once while it is on its way', async () => {
  const greedy = await attacker(await listen());
  for (let times = 0; times < 10_000; times++) greedy.say({ type: 'getBlock', hash: hashOf('1', 1), direct: true });
  await expect.poll(() => greedy.heard.length, { timeout: 10_000 }).toBeGreaterThan(1);
  await delay(200);
  expect(reads.count).toBeLessThan(20);
  greedy.link.abort();
});

test('many blocks at once expel the worker that asks for them, before they are read', async () => {
  const greedy = await attacker(await listen());
  for (let number = 0; number < 1000; number++)
    greedy.say({ type: 'getBlock', hash: hashOf('1', number), direct: true });
  await greedy.closed;
  expect(reads.most).toBeLessThanOrEqual(limits.blockQuestionsAtOnce);
  expect(reads.count).toBeLessThanOrEqual(2 * limits.blockQuestionsAtOnce);
});
