// Frames that look like those of a peer: messages with parts replaced, added, removed and repeated, and bytes damaged.
import { hashName, joinBytes, randomStream, type RandomStream } from '@stillhouse/core';
import { encodeHeader, encodeMessage, protocolVersion, type ToCoordinator } from '@stillhouse/core/cluster';
import { damaged } from './damaged.js';

const sha256 = 'a'.repeat(64);
const metrics = { loss: 0.5, rows: 4, accuracy: 1 };
const model = {
  topology: '{"class_name":"Sequential"}',
  weights: [{ name: 'w', shape: [2, 1], trainable: true }],
  data: new Uint8Array(8),
  parameters: 2,
};
const error = { code: 'WORKER_FAILED', message: 'x is undefined', stack: 'at y' };
const held = { phase: 'teacher', ops: 1 };
const generation = 65537;

/** What workers send to a coordinator after their hello. */
export const workerMessages: readonly object[] = [
  {
    type: 'join',
    fingerprint: 'engine',
    choice: 'toy: as requested',
    meshAddress: 'ws://127.0.0.1:1',
    generation,
    held,
    running: [{ workerId: 'w1', meshAddress: 'ws://127.0.0.1:2', ranks: { lo: 0, hi: 2 } }],
    leaving: false,
  },
  { type: 'paused', generation, held },
  { type: 'ready', generation, ops: 0, parameters: 2, stateSha256: sha256, weightsSha256: sha256 },
  { type: 'progress', generation, step: 1, loss: 0.5 },
  {
    type: 'epoch',
    phase: 'teacher',
    report: {
      epoch: 0,
      ledger: { rows: 4, sumA: 1, sumB: 2 },
      trainLoss: 0.5,
      learningRate: 0.1,
      weightsSha256: sha256,
      validation: metrics,
    },
  },
  {
    type: 'done',
    phase: 'teacher',
    steps: 1,
    samples: 4,
    waitedMs: 1,
    weightsSha256: sha256,
    test: metrics,
    stopped: 'all epochs done',
    teacherTest: metrics,
    model,
  },
  { type: 'unreachable', generation, peer: 0, linking: true, reason: 'no answer' },
  { type: 'unreachable', generation, peer: 1, linking: false, reason: 'reset' },
  { type: 'probed', id: 1, reached: 1 },
  { type: 'getBlock', hash: sha256, direct: false },
  { type: 'upload', id: 1, key: 'k' },
  { type: 'statePart', id: 1, held, offset: 0, total: 8, bytes: new Uint8Array(8) },
  { type: 'failed', error, step: 1, rank: 0, lastGood: model },
  { type: 'leaving' },
  { type: 'heartbeat', generation, stage: 'running', busy: true, progress: 3, waitingFor: [1], rankMs: 3.5 },
];

/** @param token of the run, or a guess */
export const helloOf = (token: string, instance: string): object => ({
  type: 'hello',
  protocol: protocolVersion,
  version: '0.1.0',
  token,
  host: 'elsewhere',
  instance,
  term: 0,
});

/** @param token between workers, or a guess */
export const meshHellosOf = (token: string): readonly object[] => [
  { token, generation, index: 1 },
  { token, generation, index: 1, memory: { pid: 1, file: 3, nonce: 'x' } },
  { token, blocks: true },
];

const bytesEach = { partial: 4, reduced: 4, values: 8, mark: 1, state: 1, greeting: 1 };
const meshFrames = [
  { type: 'partial', generation, op: 0, chunk: 0, span: { lo: 0, hi: 1 }, count: 16 },
  { type: 'reduced', generation, op: 0, chunk: 0, count: 16 },
  { type: 'values', generation, op: 0, rank: 1, count: 3 },
  { type: 'mark', generation, op: 0, count: 0 },
  { type: 'greeting', generation, reads: false, count: 0 },
  { type: 'state', generation, offset: 0, total: 32, count: 32 },
] as const;

const nested = (depth: number): unknown => (depth === 0 ? [] : [nested(depth - 1)]);
const values: readonly unknown[] = [
  ...[null, undefined, true, -1, 0, 0.5, 2 ** 31, 2 ** 32, 2 ** 39, 2 ** 53, 1e308, NaN, -Infinity],
  ...['', 'x', '__proto__', 'constructor', 'w999999999999999', '../../etc/passwd', 'teacher', 'join'],
  ...['\u001b[2J', '\u202eabc', 'x'.repeat(300), 'x'.repeat(20_000), sha256],
  ...[[], {}, nested(3), nested(200), new Array(3000).fill({}), new Array(5000).fill(-1)],
  ...[10n ** 18n, -(10n ** 17n), new Date(0), new Map([[1, 2]]), new Set([1]), new Uint8Array(40), held, model],
];

const keyNames = ['x', 'toString', '__proto', 'bytes', 'model', 'type', '\u001b[2J', 'x'.repeat(300)];

/** A copy in which one place is another value, absent, or there a second time under another name. */
function mutated(value: unknown, next: RandomStream): unknown {
  const isContainer = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
  const keys = isContainer ? Object.keys(value) : [];
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)];
  if (keys.length === 0 || next() < 0.1) return pick(values);
  const key = pick(keys);
  const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  const what = next();
  if (what < 0.1) delete copy[key];
  else if (what < 0.2) copy[pick(keyNames)] = copy[key];
  else copy[key] = mutated(copy[key], next);
  return Array.isArray(value) ? Object.values(copy) : copy;
}

/** The n-th frame made of some messages. */
export function frameOf(messages: readonly object[], n: number): Uint8Array {
  const next = randomStream(hashName('frames'), n);
  let message: unknown = messages[Math.floor(next() * messages.length)];
  for (let edits = Math.floor(next() * 3); edits > 0; edits--) message = mutated(message, next);
  // The encoder takes what the types of messages do not allow.
  const isEncodable =
    typeof message === 'object' && message !== null && (!('bytes' in message) || message.bytes instanceof Uint8Array);
  const bytes = joinBytes(encodeMessage((isEncodable ? message : { type: message }) as ToCoordinator));
  return next() < 0.3 ? damaged(bytes, next) : bytes;
}

/** The n-th frame between members. */
export function meshFrameOf(n: number): Uint8Array {
  const next = randomStream(hashName('mesh frames'), n);
  const header = meshFrames[Math.floor(next() * meshFrames.length)];
  const bytes = Buffer.concat([encodeHeader(header), new Uint8Array(bytesEach[header.type] * header.count)]);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // A field of the header.
  if (next() < 0.7) view.setUint32(4 * Math.floor(next() * 8), Math.floor(next() * 2 ** (1 + 31 * next())), true);
  return next() < 0.3 ? damaged(bytes, next) : bytes;
}
