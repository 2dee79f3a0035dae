// Messages arrive where they are wanted, however their bytes are cut; other frames are handed back byte for byte.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FrameSink } from '@stillhouse/core/cluster';
import { SinkReader } from './sink-reader.js';

/** A frame as a server sends it: unmasked. */
function frameOf(opcode: number, isLast: boolean, payload: Uint8Array): Uint8Array {
  const first = (isLast ? 0x80 : 0) | opcode;
  const { length } = payload;
  const head = length < 126 ? [first, length] : [first, 126, length >> 8, length & 0xff];
  if (length < 65_536) return Uint8Array.from([...head, ...payload]);
  const long = new Uint8Array(10 + length);
  long.set([first, 127]);
  new DataView(long.buffer).setBigUint64(2, BigInt(length));
  long.set(payload, 10);
  return long;
}

class Recorder implements FrameSink {
  readonly headerBytes = 4;
  readonly arrivedData: number[][] = [];
  readonly misfits: number[] = [];
  placed = 0;

  /** The header's first byte is the length of the rest, or 255 for what nobody wants. */
  place(header: Uint8Array): Uint8Array | undefined {
    this.placed += 1;
    return header[0] === 255 ? undefined : new Uint8Array(header[0] + 256 * header[1]);
  }

  arrived(data: Uint8Array): void {
    this.arrivedData.push([...data]);
  }

  misfit(bytes: number): void {
    this.misfits.push(bytes);
  }
}

test('however the stream is cut', () => {
  const part = fc.record({
    payload: fc.uint8Array({ maxLength: 400 }),
    cuts: fc.array(fc.nat(400), { maxLength: 3 }),
    ping: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }),
      (messages, sizes) => {
        const sink = new Recorder();
        const others: number[] = [];
        const reader = new SinkReader(sink, (bytes) => others.push(...bytes));
        const pings = messages.flatMap(({ ping }) => (ping ? [...frameOf(9, true, ping)] : []));
        const stream = messages.flatMap(({ payload, cuts, ping }) => {
          const message = Uint8Array.from([payload.length & 0xff, payload.length >> 8, 0, 0, ...payload]);
          if (payload.length === 255) message[0] = 254;
          const ends = [...new Set([...cuts.filter((cut) => cut < message.length), message.length])].sort(
            (a, b) => a - b,
          );
          // Control frames may come between the fragments of a message.
          return ends.flatMap((end, i) => [
            ...frameOf(i === 0 ? 2 : 0, end === message.length, message.subarray(ends[i - 1] ?? 0, end)),
            ...(i === 0 && ping ? frameOf(9, true, ping) : []),
          ]);
        });
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length];
          reader.take(Uint8Array.from(stream.slice(at, at + size)));
          at += size;
        }
        expect(reader.isUnfinished).toBe(false);
        const [fitting, others255] = [messages.filter(({ payload }) => payload.length !== 255), messages.length];
        expect(sink.arrivedData).toEqual(fitting.map(({ payload }) => [...payload]));
        expect(sink.misfits).toHaveLength(others255 - fitting.length);
        expect(others).toEqual(pings);
      },
    ),
  );
});

test('a message of another length than its place does not arrive; what nobody wants is dropped', () => {
  const sink = new Recorder();
  const reader = new SinkReader(sink, () => {});
  for (const message of [
    [3, 0, 0, 0, 1, 2],
    [1, 0, 0, 0, 1, 2],
    [1, 0],
    [],
    [255, 0, 0, 0, 1, 2, 3],
    [2, 0, 0, 0, 8, 9],
  ])
    reader.take(frameOf(2, true, Uint8Array.from(message)));
  expect(sink.misfits).toEqual([6, 6, 2, 0]);
  expect(sink.arrivedData).toEqual([[8, 9]]);
});

test('a long frame', () => {
  const sink = new Recorder();
  const reader = new SinkReader(sink, () => {});
  const message = new Uint8Array(4 + 65_535).fill(7);
  message.set([0xff - 1, 0xff]);
  reader.take(frameOf(2, true, message));
  expect(sink.misfits).toEqual([message.length]);
  expect(sink.placed).toBe(1);
});

test('a long message is read into its place, without a copy, and what comes before it by itself', () => {
  const buffer = new Uint8Array(256 * 1024);
  const place = new Uint8Array(200_000);
  const arrived: Uint8Array[] = [];
  const reader = new SinkReader(
    { headerBytes: 4, place: () => place, arrived: (data) => arrived.push(data), misfit: () => {} },
    () => {},
  );
  const message = new Uint8Array(4 + place.length).map((_, i) => i);
  const stream = new Uint8Array([
    ...frameOf(2, false, message.subarray(0, 4)),
    ...frameOf(0, true, message.subarray(4)),
  ]);
  const reads: number[][] = [];
  for (let times = 0; times < 2; times++) {
    place.fill(0);
    const read: number[] = [];
    for (let at = 0; at < stream.length;) {
      const room = reader.roomIn(buffer);
      // Sockets may have less than there is room for.
      const bytes = stream.subarray(at, at + Math.min(room.length, 70_000));
      room.set(bytes);
      read.push(bytes.length);
      expect(room.buffer === place.buffer).toBe(read.length > 1);
      reader.take(room.subarray(0, bytes.length));
      at += bytes.length;
    }
    reads.push(read);
    expect(Buffer.compare(place, message.subarray(4))).toBe(0);
  }
  expect(arrived.every((data) => data === place)).toBe(true);
  expect(arrived).toHaveLength(2);
  expect(reads[1][0]).toBe(16);
});
