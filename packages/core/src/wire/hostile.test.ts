// What strangers and members may send instead of a message: refused by its bytes before anything is built, without a
// freeze, and without a word of it in the error.
import { pack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { StillhouseError } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { joinBytes } from '../format/safetensors.js';
import {
  decodeBlockQuestion,
  decodeMeshHello,
  decodeToCoordinator,
  encodeMessage,
  protocolVersion,
} from './messages.js';

const secret = 'do-not-print-me';

/** The error's message; the frame must be refused. */
function refusalOf(decode: (frame: Uint8Array) => unknown, frame: Uint8Array): string {
  try {
    decode(frame);
  } catch (error) {
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    return (error as StillhouseError).message;
  }
  throw new Error('it was accepted');
}

const repeated = (head: number[], element: number[], count: number): Uint8Array => {
  const bytes = new Uint8Array(head.length + 4 + element.length * count);
  bytes.set(head);
  new DataView(bytes.buffer).setUint32(head.length, count);
  for (let i = 0; i < count; i++) bytes.set(element, head.length + 4 + i * element.length);
  return bytes;
};

/** A map of one key, whose value follows. */
const mapOf = (key: string, value: Uint8Array): Uint8Array =>
  joinBytes([Uint8Array.of(0x81), new Uint8Array(pack(key)), value]);

const hostile: [string, () => Uint8Array][] = [
  ['75 MB of empty maps', () => repeated([0xdd], [0x80], 75_000_000)],
  ['a list that says it has four thousand million elements', () => Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
  ['a map that says so', () => Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff)],
  ['a text that says so', () => Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff)],
  ['a million nested lists', () => new Uint8Array(1_000_000).fill(0x91)],
  ['an integer of 64 bits', () => mapOf('type', Uint8Array.of(0xcf, 255, 255, 255, 255, 255, 255, 255, 255))],
  ['an extension that is a BigInt of 4 MB', () => mapOf('type', repeated([0xc9], [0x42], 4_000_000))],
  ['a record extension', () => Uint8Array.of(0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61)],
  ['an extension for undefined', () => mapOf('type', Uint8Array.of(0xd4, 0, 0))],
  ['a date', () => mapOf('type', new Uint8Array(pack(new Date(0))))],
  ['a key that is a list', () => Uint8Array.of(0x81, 0x91, 0x01, 0x01)],
  ['bytes after the end', () => Uint8Array.of(0x80, 0x80)],
  ['an empty frame', () => new Uint8Array(0)],
  ['a prefix for bytes that are not there', () => Uint8Array.of(0xc1, 0xff, 0xff, 0xff, 0xff, 0x80)],
  ['bytes behind a list', () => Uint8Array.of(0xc1, 1, 0, 0, 0, 0x90, 1, 2)],
  ['a key __proto__', () => new Uint8Array(pack({ ['__proto__x']: 1, type: '__proto__' }))],
  ['a type that is a prototype’s', () => new Uint8Array(pack({ type: 'constructor' }))],
  ['a type of megabytes', () => new Uint8Array(pack({ type: secret.repeat(100_000) }))],
  [
    'a field of a known message',
    () => new Uint8Array(pack({ type: 'progress', generation: secret, step: 1, loss: 1 })),
  ],
  ['another key of a known message', () => new Uint8Array(pack({ type: 'progress', [secret]: secret }))],
  ['metrics with many names', () => new Uint8Array(pack({ type: 'done', test: namesOf(20_000) }))],
  ['weights of nothing', () => new Uint8Array(pack({ type: 'done', model: { weights: new Array(90_000).fill({}) } }))],
];
const namesOf = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${secret}${i}`, 1]));

describe.each([
  ['the coordinator', decodeToCoordinator],
  ['a worker’s port', decodeMeshHello],
  ['a worker that is asked for a block', decodeBlockQuestion],
])('%s', (_, decode) => {
  test.each(hostile)('refuses %s', (_name, frameOf) => {
    const frame = frameOf();
    const startedMs = performance.now();
    const message = refusalOf(decode, frame);
    // It takes a fraction of this; the bound only tells milliseconds from a freeze.
    expect(performance.now() - startedMs).toBeLessThan(1000);
    expect(message).not.toContain(secret);
    expect(message.length).toBeLessThan(200);
  });
});

const hello = {
  type: 'hello',
  protocol: protocolVersion,
  version: '1.2.3',
  token: 't',
  host: 'höst-7.example',
  instance: 'i',
  term: 0,
} as const;

test.each<[string, object]>([
  ['a host that moves the cursor', { host: '\u001b[2J\u001b[H' }],
  ['a host with a line break', { host: 'a\nb' }],
  ['a host that reorders text', { host: '\u202eabc' }],
  ['a host of a kilobyte', { host: 'h'.repeat(1000) }],
  ['a version of a kilobyte', { version: '9'.repeat(1000) }],
  ['a version with a bell', { version: '\u0007' }],
  ['a name that no coordinator gives', { workerId: 'w-1' }],
])('a hello with %s is no hello', (_, change) => {
  const frame = (message: object): Uint8Array => joinBytes(encodeMessage(message as typeof hello));
  expect(decodeToCoordinator(frame(hello))).toEqual(hello);
  expect(refusalOf(decodeToCoordinator, frame({ ...hello, ...change }))).toMatch(/^a message hello does not fit: \w+$/);
});

test('a hello of the longest names fits into the frame that strangers may send', () => {
  const longest = {
    ...hello,
    version: '9'.repeat(64),
    token: 't'.repeat(limits.lineLength),
    host: 'h'.repeat(limits.nameLength),
    instance: 'i'.repeat(limits.nameLength),
    runId: 'r'.repeat(limits.nameLength),
    workerId: 'w999999999999999',
    term: 2 ** 40,
  };
  const frame = joinBytes(encodeMessage(longest));
  expect(frame.byteLength).toBeLessThan(limits.helloBytes);
  expect(decodeToCoordinator(frame)).toEqual(longest);
});

test('an error that a worker reports is shown without what a terminal would obey', () => {
  const failed = {
    type: 'failed',
    error: { code: 'BUG', message: 'x\u001b[31m is undefined', stack: 'at y\n\tat z\u0007' },
  } as const;
  expect(decodeToCoordinator(joinBytes(encodeMessage(failed)))).toEqual({
    type: 'failed',
    error: { code: 'BUG', message: 'x\\u{1b}[31m is undefined', stack: 'at y\n\tat z\\u{7}' },
  });
  for (const code of ['toString', '__proto__', 'NO_SUCH_CODE'])
    expect(
      refusalOf(
        decodeToCoordinator,
        joinBytes(encodeMessage({ ...failed, error: { ...failed.error, code } } as never)),
      ),
    ).toBe('a message failed does not fit: error');
});

test('a model whose bytes are not those of its shapes is none', () => {
  const model = {
    topology: '{}',
    weights: [{ name: 'w', shape: [2, 2], trainable: true }],
    data: new Uint8Array(16),
    parameters: 4,
  };
  const failed = (change: object): Uint8Array =>
    joinBytes(
      encodeMessage({ type: 'failed', error: { code: 'BUG', message: '' }, lastGood: { ...model, ...change } }),
    );
  expect(decodeToCoordinator(failed({}))).toMatchObject({ lastGood: { parameters: 4 } });
  for (const change of [
    { data: new Uint8Array(12) },
    { weights: [] },
    { weights: [{ ...model.weights[0], shape: [2] }] },
  ])
    expect(refusalOf(decodeToCoordinator, failed(change))).toBe('a message failed does not fit: lastGood');
});
