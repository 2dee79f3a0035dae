// BMP, which sharp does not read. bmp-ts decodes the common kinds rightly; the others are refused.
import { decode } from 'bmp-ts';

export interface RawImage {
  readonly data: Uint8Array;
  readonly info: { readonly width: number; readonly height: number; readonly channels: 3 };
}

const fileHeaderBytes = 14;
const maskBytes = 12;
const bits = [1, 8, 24, 32];

export const isBmp = (bytes: Uint8Array): boolean => bytes[0] === 0x42 && bytes[1] === 0x4d;

/**
 * Decodes a BMP of 1, 8, 24 or 32 bits per pixel to [height, width, 3] bytes. The fourth byte of 32 bits is not read.
 * @throws Error saying why the file cannot be read
 */
export function decodeBmp(bytes: Buffer, limitPixels: number): RawImage {
  const at = { compression: 30, bits: 28, width: 18, height: 22, dataOffset: 10, headerBytes: 14, colors: 46 };
  if (bytes.length < fileHeaderBytes + 40) throw new Error('the BMP file is cut off');
  const [bitCount, compression] = [bytes.readUInt16LE(at.bits), bytes.readUInt32LE(at.compression)];
  const [width, height] = [bytes.readInt32LE(at.width), Math.abs(bytes.readInt32LE(at.height))];
  const hasMasks = compression === 3 && bitCount === 32;
  if (!bits.includes(bitCount) || (compression !== 0 && !hasMasks))
    throw new Error(
      `a BMP of ${bitCount} bits per pixel${compression === 0 ? '' : `, compressed by method ${compression},`} ` +
        'is not supported; convert it to PNG',
    );
  if (width <= 0 || height * width > limitPixels) throw new Error(`its size is ${height} × ${width} pixels`);
  const headerBytes = bytes.readUInt32LE(at.headerBytes);
  const colors = bytes.readUInt32LE(at.colors) || (bitCount <= 8 ? 2 ** bitCount : 0);
  const rowBytes = Math.ceil((width * bitCount) / 32) * 4;
  const start = fileHeaderBytes + headerBytes + (hasMasks && headerBytes === 40 ? maskBytes : 0) + colors * 4;
  // bmp-ts reads pixels from where they usually begin.
  if (bytes.readUInt32LE(at.dataOffset) !== start)
    throw new Error('its pixels are at an unusual place; convert it to PNG');
  if (bytes.length < start + rowBytes * height) throw new Error('the BMP file is cut off');
  const { data: abgr } = decode(bytes);
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = abgr[from + 3];
    data[to + 1] = abgr[from + 2];
    data[to + 2] = abgr[from + 1];
  }
  return { data, info: { width, height, channels: 3 } };
}
