// Gradients in fewer bits, four lanes at a time: core/collective/plain-coding.ts defines each format. Numbers and bytes
// may lie anywhere; what remains after whole vectors is computed in all lanes of one. Both threads of a worker use these
// kernels on one memory, so they have no scratch.

const blockFloats: usize = 128;
const scaleBytes: usize = 4;
/** 2^−100, and the exponent in its bits. */
const smallestExponent: i32 = 27;

/** Bits of fp32 numbers without the last ones, rounded to nearest, ties to even. */
@inline
function dropBits(bits: v128, dropped: i32): v128 {
  const odd = v128.and(i32x4.shr_u(bits, dropped), i32x4.splat(1));
  const rounded = i32x4.add(bits, i32x4.add(odd, i32x4.splat((1 << (dropped - 1)) - 1)));
  return v128.and(rounded, i32x4.splat(-(1 << dropped)));
}

@inline
function magnitude(values: v128): v128 {
  return v128.and(values, i32x4.splat(0x7fffffff));
}

@inline
function signOf(values: v128): v128 {
  return v128.and(values, i32x4.splat(0x80000000));
}

/**
 * The largest magnitude; NaN if a number is NaN. Bits of magnitudes are in the order of the numbers, with NaN above
 * Infinity.
 */
function largestOf(count: usize, at: usize): f32 {
  let first = i32x4.splat(0);
  let second = i32x4.splat(0);
  const pairs = (count & ~7) << 2;
  for (let i: usize = 0; i < pairs; i += 32) {
    first = i32x4.max_s(first, magnitude(v128.load(at + i)));
    second = i32x4.max_s(second, magnitude(v128.load(at + i, 16)));
  }
  for (let i: usize = pairs; i < count << 2; i += 4)
    second = i32x4.max_s(second, magnitude(v128.load32_splat(at + i)));
  const most = i32x4.max_s(first, second);
  return reinterpret<f32>(
    max<i32>(
      max<i32>(i32x4.extract_lane(most, 0), i32x4.extract_lane(most, 1)),
      max<i32>(i32x4.extract_lane(most, 2), i32x4.extract_lane(most, 3)),
    ),
  );
}

/** Four numbers as bf16, in the upper halves of lanes. */
@inline
function bf16(values: v128): v128 {
  const quiet = v128.and(v128.or(values, i32x4.splat(0x400000)), i32x4.splat(0xffff0000));
  return v128.bitselect(dropBits(values, 16), quiet, f32x4.eq(values, values));
}

export function roundBf16(count: usize, at: usize): void {
  const whole = (count & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) v128.store(at + i, bf16(v128.load(at + i)));
  for (let i: usize = whole; i < count << 2; i += 4) v128.store32_lane(at + i, bf16(v128.load32_splat(at + i)), 0);
}

export function encodeBf16(count: usize, from: usize, to: usize): void {
  const whole = count & ~7;
  for (let i: usize = 0; i < whole; i += 8) {
    const low = bf16(v128.load(from + (i << 2)));
    const high = bf16(v128.load(from + (i << 2), 16));
    v128.store(to + (i << 1), v128.shuffle<u16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15));
  }
  for (let i: usize = whole; i < count; i++)
    v128.store16_lane(to + (i << 1), bf16(v128.load32_splat(from + (i << 2))), 1);
}

export function decodeBf16(count: usize, from: usize, to: usize): void {
  const whole = count & ~7;
  const zero = i32x4.splat(0);
  for (let i: usize = 0; i < whole; i += 8) {
    const halves = v128.load(from + (i << 1));
    v128.store(to + (i << 2), v128.shuffle<u16>(zero, halves, 0, 8, 0, 9, 0, 10, 0, 11));
    v128.store(to + (i << 2), v128.shuffle<u16>(zero, halves, 0, 12, 0, 13, 0, 14, 0, 15), 16);
  }
  for (let i: usize = whole; i < count; i++) store<u32>(to + (i << 2), <u32>load<u16>(from + (i << 1)) << 16);
}

/** The exponent in the bits of a block's scale; 255, with which it is NaN, if the block has no scale. */
function halfExponent(largest: f32): i32 {
  const rounded = i32x4.extract_lane(dropBits(f32x4.splat(largest), 13), 0);
  const exponent = <i32>((<u32>rounded) >> 23);
  return largest < Infinity && exponent < 255 ? max<i32>(exponent - 15, smallestExponent) : 255;
}

@inline
function powerOf(exponent: i32): f32 {
  return exponent === 255 ? NaN : reinterpret<f32>(exponent << 23);
}

/** 1 / powerOf. */
@inline
function inverseOf(exponent: i32): f32 {
  return exponent === 255 ? NaN : reinterpret<f32>((254 - exponent) << 23);
}

/** Four numbers below 2^16, rounded to half precision; below 2^−14 halves are multiples of 2^−24, as fp32 is at 0.5. */
@inline
function halfRounded(values: v128): v128 {
  const size = magnitude(values);
  const half = f32x4.splat(0.5);
  const tiny = v128.or(f32x4.sub(f32x4.add(size, half), half), signOf(values));
  return v128.bitselect(tiny, dropBits(values, 13), f32x4.lt(size, f32x4.splat(2.0 ** -14)));
}

/** Half precision of four numbers, in the lower halves of lanes. */
@inline
function halfBits(values: v128): v128 {
  const rounded = halfRounded(values);
  const size = magnitude(rounded);
  const normal = i32x4.shr_u(i32x4.sub(size, i32x4.splat(112 << 23)), 13);
  const tiny = i32x4.sub(f32x4.add(size, f32x4.splat(0.5)), f32x4.splat(0.5));
  const isTiny = f32x4.lt(size, f32x4.splat(2.0 ** -14));
  return v128.or(v128.bitselect(tiny, normal, isTiny), i32x4.shr_u(signOf(values), 16));
}

/** Four numbers of half precision in the lower halves of lanes. */
@inline
function floatsOfHalves(halves: v128): v128 {
  const size = v128.and(halves, i32x4.splat(0x7fff));
  const normal = i32x4.add(i32x4.shl(size, 13), i32x4.splat(112 << 23));
  const tiny = f32x4.mul(f32x4.convert_i32x4_s(size), f32x4.splat(2.0 ** -24));
  const isTiny = i32x4.lt_s(size, i32x4.splat(0x400));
  const sign = i32x4.shl(v128.and(halves, i32x4.splat(0x8000)), 16);
  return v128.or(v128.bitselect(tiny, normal, isTiny), sign);
}

export function roundFp16(count: usize, at: usize): void {
  for (let first: usize = 0; first < count; first += blockFloats) {
    const floats = min<usize>(blockFloats, count - first);
    const block = at + (first << 2);
    const exponent = halfExponent(largestOf(floats, block));
    const scale = f32x4.splat(powerOf(exponent));
    const inverse = f32x4.splat(inverseOf(exponent));
    const whole = (floats & ~3) << 2;
    for (let i: usize = 0; i < whole; i += 16)
      v128.store(block + i, f32x4.mul(halfRounded(f32x4.mul(v128.load(block + i), inverse)), scale));
    for (let i: usize = whole; i < floats << 2; i += 4)
      v128.store32_lane(
        block + i,
        f32x4.mul(halfRounded(f32x4.mul(v128.load32_splat(block + i), inverse)), scale),
        0,
      );
  }
}

export function encodeFp16(count: usize, from: usize, to: usize): void {
  let place = to;
  for (let first: usize = 0; first < count; first += blockFloats) {
    const floats = min<usize>(blockFloats, count - first);
    const block = from + (first << 2);
    const exponent = halfExponent(largestOf(floats, block));
    store<f32>(place, powerOf(exponent));
    place += scaleBytes;
    if (exponent === 255) memory.fill(place, 0, floats << 1);
    else {
      const inverse = f32x4.splat(inverseOf(exponent));
      const whole = floats & ~7;
      for (let i: usize = 0; i < whole; i += 8) {
        const low = halfBits(f32x4.mul(v128.load(block + (i << 2)), inverse));
        const high = halfBits(f32x4.mul(v128.load(block + (i << 2), 16), inverse));
        v128.store(place + (i << 1), i16x8.narrow_i32x4_u(low, high));
      }
      for (let i: usize = whole; i < floats; i++)
        v128.store16_lane(place + (i << 1), halfBits(f32x4.mul(v128.load32_splat(block + (i << 2)), inverse)), 0);
    }
    place += floats << 1;
  }
}

export function decodeFp16(count: usize, from: usize, to: usize): void {
  let place = from;
  for (let first: usize = 0; first < count; first += blockFloats) {
    const floats = min<usize>(blockFloats, count - first);
    const block = to + (first << 2);
    const scale = v128.load32_splat(place);
    place += scaleBytes;
    const whole = floats & ~7;
    for (let i: usize = 0; i < whole; i += 8) {
      const halves = v128.load(place + (i << 1));
      const low = floatsOfHalves(i32x4.extend_low_i16x8_u(halves));
      const high = floatsOfHalves(i32x4.extend_high_i16x8_u(halves));
      v128.store(block + (i << 2), f32x4.mul(low, scale));
      v128.store(block + (i << 2), f32x4.mul(high, scale), 16);
    }
    for (let i: usize = whole; i < floats; i++) {
      const half = i32x4.splat(<i32>load<u16>(place + (i << 1)));
      v128.store32_lane(block + (i << 2), f32x4.mul(floatsOfHalves(half), scale), 0);
    }
    place += floats << 1;
  }
}

/** The scale of a block of bytes; NaN if it has none. */
function byteScale(largest: f32): f32 {
  if (!(largest < Infinity)) return NaN;
  const bits = (reinterpret<u32>(largest / 127) + 0x7f) & 0xffffff80;
  const scale = max<f32>(reinterpret<f32>(bits), reinterpret<f32>(smallestExponent << 23));
  return scale * 127 < Infinity ? scale : NaN;
}

/** Four numbers as multiples of the scale; 0 has no sign. */
@inline
function multiples(values: v128, scale: v128): v128 {
  return f32x4.add(f32x4.nearest(f32x4.div(values, scale)), f32x4.splat(0));
}

export function roundInt8(count: usize, at: usize): void {
  for (let first: usize = 0; first < count; first += blockFloats) {
    const floats = min<usize>(blockFloats, count - first);
    const block = at + (first << 2);
    const scale = f32x4.splat(byteScale(largestOf(floats, block)));
    const whole = (floats & ~3) << 2;
    for (let i: usize = 0; i < whole; i += 16)
      v128.store(block + i, f32x4.mul(multiples(v128.load(block + i), scale), scale));
    for (let i: usize = whole; i < floats << 2; i += 4)
      v128.store32_lane(block + i, f32x4.mul(multiples(v128.load32_splat(block + i), scale), scale), 0);
  }
}

/** NaN becomes 0. */
@inline
function wholeMultiples(at: usize, scale: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(multiples(v128.load(at), scale));
}

export function encodeInt8(count: usize, from: usize, to: usize): void {
  let place = to;
  for (let first: usize = 0; first < count; first += blockFloats) {
    const floats = min<usize>(blockFloats, count - first);
    const block = from + (first << 2);
    const single = byteScale(largestOf(floats, block));
    const scale = f32x4.splat(single);
    store<f32>(place, single);
    place += scaleBytes;
    const whole = floats & ~15;
    for (let i: usize = 0; i < whole; i += 16) {
      const at = block + (i << 2);
      const low = i16x8.narrow_i32x4_s(wholeMultiples(at, scale), wholeMultiples(at + 16, scale));
      const high = i16x8.narrow_i32x4_s(wholeMultiples(at + 32, scale), wholeMultiples(at + 48, scale));
      v128.store(place + i, i8x16.narrow_i16x8_s(low, high));
    }
    for (let i: usize = whole; i < floats; i++) {
      const multiple = i32x4.trunc_sat_f32x4_s(multiples(v128.load32_splat(block + (i << 2)), scale));
      v128.store8_lane(place + i, multiple, 0);
    }
    place += floats;
  }
}

export function decodeInt8(count: usize, from: usize, to: usize): void {
  let place = from;
  for (let first: usize = 0; first < count; first += blockFloats) {
    const floats = min<usize>(blockFloats, count - first);
    const block = to + (first << 2);
    const scale = v128.load32_splat(place);
    place += scaleBytes;
    const whole = floats & ~7;
    for (let i: usize = 0; i < whole; i += 8) {
      const wide = v128.load8x8_s(place + i);
      const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(wide));
      const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(wide));
      v128.store(block + (i << 2), f32x4.mul(low, scale));
      v128.store(block + (i << 2), f32x4.mul(high, scale), 16);
    }
    for (let i: usize = whole; i < floats; i++)
      store<f32>(block + (i << 2), <f32>load<i8>(place + i) * load<f32>(place - scaleBytes));
    place += floats;
  }
}
