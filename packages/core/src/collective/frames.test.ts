import { expect, test } from 'vitest';
import { decodeHeader, encodeHeader, headerBytes, type FrameHeader, type Greeting } from './frames.js';

const headers: (FrameHeader | Greeting)[] = [
  { type: 'partial', generation: 3, op: 9, chunk: 1, span: { lo: 2, hi: 4 }, count: 2 },
  { type: 'reduced', generation: 3, op: 9, chunk: 1, count: 1 },
  { type: 'values', generation: 3, op: 9, rank: 2, count: 2 },
  { type: 'mark', generation: 3, op: 9, count: 0 },
  { type: 'state', generation: 3, offset: 5, total: 9, count: 4 },
  { type: 'greeting', generation: 3, reads: true, count: 0 },
];

test.each(headers)('$type survives encoding, at any place in memory', (header) => {
  const bytes = encodeHeader(header);
  expect(bytes).toHaveLength(headerBytes);
  expect(decodeHeader(bytes)).toEqual(header);
  const moved = new Uint8Array(headerBytes + 8);
  moved.set(bytes, 3);
  expect(decodeHeader(moved.subarray(3))).toEqual(header);
});

test('a header that is cut off or unknown is a protocol violation', () => {
  const bytes = encodeHeader(headers[1]!);
  const unknown = bytes.slice();
  unknown[4] = 99;
  const beyond = encodeHeader({ type: 'state', generation: 1, offset: 8, total: 9, count: 4 });
  const mark = encodeHeader(headers[3]!);
  mark[28] = 1;
  const greeting = encodeHeader(headers[5]!);
  greeting[16] = 2;
  for (const bad of [bytes.subarray(0, 10), new Uint8Array(40), unknown, beyond, mark, greeting])
    expect(() => decodeHeader(bad)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
});
