import { expect, test } from 'vitest';
import { bytesOf, decodeSafetensors, encodeSafetensors, floatsOf } from './safetensors.js';

/** The same bytes at an odd offset, as a Buffer: what sockets hand out. */
function misaligned(bytes: Uint8Array): Buffer {
  const buffer = Buffer.alloc(bytes.byteLength + 1);
  buffer.set(bytes, 1);
  return buffer.subarray(1);
}

test('tensors survive encoding; the header is padded to 8 bytes', () => {
  const file = encodeSafetensors([
    { name: 'x', dtype: 'F32', shape: [2, 2], data: bytesOf(Float32Array.of(1, 2, 3, 4)) },
    { name: 'é', dtype: 'U8', shape: [3], data: Uint8Array.of(7, 8, 9) },
  ]);
  expect(new DataView(file.buffer).getBigUint64(0, true) % 8n).toBe(0n);
  const [x, y] = decodeSafetensors(misaligned(file));
  expect([...floatsOf(x!.data)]).toEqual([1, 2, 3, 4]);
  expect(y).toMatchObject({ name: 'é', dtype: 'U8', shape: [3] });
  expect([...y!.data]).toEqual([7, 8, 9]);
});

test('what is not a whole file is refused', () => {
  const file = encodeSafetensors([{ name: 'x', dtype: 'F32', shape: [2], data: bytesOf(Float32Array.of(1, 2)) }]);
  for (const bad of [file.subarray(0, 4), file.subarray(0, 20), file.subarray(0, file.length - 1)])
    expect(() => decodeSafetensors(bad, 'f')).toThrow(/f is not a safetensors file/);
  const broken = file.slice();
  broken[9] = 0x21;
  expect(() => decodeSafetensors(broken)).toThrow('its header is not JSON');
});

test('a header that does not describe tensors is refused', () => {
  const fileOf = (header: unknown): Uint8Array => {
    const json = new TextEncoder().encode(JSON.stringify(header));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
    return Buffer.concat([length, json, new Uint8Array(8)]);
  };
  const tensor = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  expect(decodeSafetensors(fileOf({ x: tensor }))).toHaveLength(1);
  expect(() => decodeSafetensors(fileOf(null))).toThrow('its header is not an object');
  expect(() => decodeSafetensors(fileOf({ x: { ...tensor, data_offsets: [0, 12] } }))).toThrow('x does not fit');
  for (const entry of [
    null,
    { ...tensor, dtype: 'BF16' },
    { ...tensor, dtype: 'constructor' },
    { ...tensor, shape: 2 },
    { ...tensor, shape: [-2] },
    { ...tensor, data_offsets: [0] },
    { ...tensor, data_offsets: ['0', '8'] },
  ])
    expect(() => decodeSafetensors(fileOf({ x: entry }))).toThrow('tensor x is not described as one of a known type');
  expect(() => decodeSafetensors(fileOf({ __metadata__: { step: 3 } }))).toThrow('its metadata is not text');
});
