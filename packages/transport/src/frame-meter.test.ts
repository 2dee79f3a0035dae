// Headers are read wherever the stream is cut.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameMeter } from './frame-meter.js';

/** A frame with a mask, as clients send it. */
function frameOf(opcode: number, isLast: boolean, length: number): Buffer {
  const long = length > 65535 ? 8 : length > 125 ? 2 : 0;
  const header = Buffer.alloc(2 + long + 4);
  header[0] = (isLast ? 0x80 : 0) | opcode;
  header[1] = 0x80 | (long === 8 ? 127 : long === 2 ? 126 : length);
  if (long === 8) header.writeBigUInt64BE(BigInt(length), 2);
  if (long === 2) header.writeUInt16BE(length, 2);
  return Buffer.concat([header, Buffer.alloc(length, 0xff)]);
}

test('the longest message is known and the end of a message is seen, however the bytes are cut', () => {
  const fragments = fc.array(fc.oneof(fc.nat(300), fc.constantFrom(65_535, 65_536)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(
      fc.array(fragments, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      fc.nat(),
      (messages, pings, seed) => {
        const bytes = Buffer.concat(
          messages.flatMap((lengths) =>
            lengths.flatMap((length, i) => [
              frameOf(i === 0 ? 2 : 0, i === lengths.length - 1, length),
              ...(pings ? [frameOf(9, true, 5)] : []),
            ]),
          ),
        );
        const meter = new FrameMeter();
        let longest = 0;
        for (let at = 0, size = 1 + (seed % 997); at < bytes.length; at += size)
          longest = Math.max(longest, meter.take(bytes.subarray(at, at + size)));
        const sums = messages.map((lengths) => lengths.reduce((sum, length) => sum + length, 0));
        expect(longest).toBe(Math.max(...sums, pings ? 5 : 0));
        expect(meter.isUnfinished).toBe(false);
        meter.take(frameOf(2, false, 3));
        expect(meter.isUnfinished).toBe(true);
      },
    ),
    { numRuns: 50 },
  );
});
