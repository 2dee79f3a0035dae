// Kernels over flat fp32 buffers in one memory, four lanes at a time (AssemblyScript). Each operation is rounded by
// itself (IEEE 754), so the bits are the same on every machine. A tail shorter than four lanes takes the same path
// through a scratch block, the first 64 bytes × 4 of the memory; buffers begin after it.

const scratch: usize = 0;
const lane: usize = 64;

/** SGD of one block: v ← μv + g, next ← p − η·(g + μv or v). */
@inline
function sgdBlock(
  p: usize,
  next: usize,
  g: usize,
  v: usize,
  clip: v128,
  decay: v128,
  momentum: v128,
  nesterov: bool,
  rate: v128,
): v128 {
  const weight = v128.load(p);
  let update = f32x4.add(f32x4.mul(clip, v128.load(g)), f32x4.mul(decay, weight));
  if (v !== 0) {
    const velocity = f32x4.add(f32x4.mul(momentum, v128.load(v)), update);
    v128.store(v, velocity);
    update = nesterov ? f32x4.add(update, f32x4.mul(momentum, velocity)) : velocity;
  }
  const result = f32x4.sub(weight, f32x4.mul(rate, update));
  v128.store(next, result);
  return result;
}

/** Adam of one block: m, v are moving averages of g and g², next ← p − λ′p − η′m / (√(v·scale) + ε). */
@inline
function adamBlock(
  p: usize,
  next: usize,
  g: usize,
  m: usize,
  v: usize,
  clip: v128,
  coupled: v128,
  beta1: v128,
  rest1: v128,
  beta2: v128,
  rest2: v128,
  rate: v128,
  scale: v128,
  epsilon: v128,
  decay: v128,
): v128 {
  const weight = v128.load(p);
  const gradient = f32x4.add(f32x4.mul(clip, v128.load(g)), f32x4.mul(coupled, weight));
  const first = f32x4.add(f32x4.mul(beta1, v128.load(m)), f32x4.mul(rest1, gradient));
  const second = f32x4.add(f32x4.mul(beta2, v128.load(v)), f32x4.mul(f32x4.mul(rest2, gradient), gradient));
  v128.store(m, first);
  v128.store(v, second);
  const update = f32x4.div(f32x4.mul(rate, first), f32x4.add(f32x4.sqrt(f32x4.mul(second, scale)), epsilon));
  const result = f32x4.sub(weight, f32x4.add(f32x4.mul(decay, weight), update));
  v128.store(next, result);
  return result;
}

/** Four lanes of zero, or of NaN where a value is not finite. */
@inline
function zeroOf(values: v128): v128 {
  return f32x4.mul(values, f32x4.splat(0));
}

@inline
function isZero(lanes: v128): bool {
  return v128.all_true<i32>(f32x4.eq(lanes, f32x4.splat(0)));
}

/** Writes parameters p, stepped, to next; returns whether all of them are finite. Without momentum v is 0. */
export function sgd(
  count: usize,
  p: usize,
  next: usize,
  g: usize,
  v: usize,
  clip: f32,
  decay: f32,
  momentum: f32,
  nesterov: bool,
  rate: f32,
): bool {
  const c = f32x4.splat(clip);
  const d = f32x4.splat(decay);
  const mu = f32x4.splat(momentum);
  const r = f32x4.splat(rate);
  let zero = f32x4.splat(0);
  const whole = (count & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16)
    zero = f32x4.add(zero, zeroOf(sgdBlock(p + i, next + i, g + i, v === 0 ? 0 : v + i, c, d, mu, nesterov, r)));
  const tail = (count << 2) - whole;
  if (tail > 0) {
    memory.fill(scratch, 0, 4 * lane);
    memory.copy(scratch, p + whole, tail);
    memory.copy(scratch + lane, g + whole, tail);
    if (v !== 0) memory.copy(scratch + 2 * lane, v + whole, tail);
    zero = f32x4.add(
      zero,
      zeroOf(sgdBlock(scratch, scratch, scratch + lane, v === 0 ? 0 : scratch + 2 * lane, c, d, mu, nesterov, r)),
    );
    memory.copy(next + whole, scratch, tail);
    if (v !== 0) memory.copy(v + whole, scratch + 2 * lane, tail);
  }
  return isZero(zero);
}

/** Writes parameters p, stepped, to next; returns whether all of them are finite. */
export function adam(
  count: usize,
  p: usize,
  next: usize,
  g: usize,
  m: usize,
  v: usize,
  clip: f32,
  coupled: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  rate: f32,
  scale: f32,
  epsilon: f32,
  decay: f32,
): bool {
  const c = f32x4.splat(clip);
  const co = f32x4.splat(coupled);
  const b1 = f32x4.splat(beta1);
  const r1 = f32x4.splat(rest1);
  const b2 = f32x4.splat(beta2);
  const r2 = f32x4.splat(rest2);
  const r = f32x4.splat(rate);
  const s = f32x4.splat(scale);
  const e = f32x4.splat(epsilon);
  const d = f32x4.splat(decay);
  let zero = f32x4.splat(0);
  const whole = (count & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16)
    zero = f32x4.add(zero, zeroOf(adamBlock(p + i, next + i, g + i, m + i, v + i, c, co, b1, r1, b2, r2, r, s, e, d)));
  const tail = (count << 2) - whole;
  if (tail > 0) {
    memory.fill(scratch, 0, 4 * lane);
    memory.copy(scratch, p + whole, tail);
    memory.copy(scratch + lane, g + whole, tail);
    memory.copy(scratch + 2 * lane, m + whole, tail);
    memory.copy(scratch + 3 * lane, v + whole, tail);
    zero = f32x4.add(
      zero,
      zeroOf(
        adamBlock(
          scratch,
          scratch,
          scratch + lane,
          scratch + 2 * lane,
          scratch + 3 * lane,
          c,
          co,
          b1,
          r1,
          b2,
          r2,
          r,
          s,
          e,
          d,
        ),
      ),
    );
    memory.copy(next + whole, scratch, tail);
    memory.copy(m + whole, scratch + 2 * lane, tail);
    memory.copy(v + whole, scratch + 3 * lane, tail);
  }
  return isZero(zero);
}

/** Sum of squares in double: four running sums, one per lane, added as (0 + 1) + (2 + 3); the tail's after them. */
export function sumOfSquares(count: usize, g: usize): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const whole = (count & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) {
    const a = f64x2.promote_low_f32x4(v128.load64_zero(g + i));
    const b = f64x2.promote_low_f32x4(v128.load64_zero(g + i + 8));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  let sum =
    f64x2.extract_lane(low, 0) +
    f64x2.extract_lane(low, 1) +
    (f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1));
  for (let i: usize = whole; i < count << 2; i += 4) {
    const value = <f64>load<f32>(g + i);
    sum += value * value;
  }
  return sum;
}

/** The sum of each lane; where `flushes`, a zero of its sign if it is below the normal range. */
@inline
function laneSums(a: v128, b: v128, flushes: bool): v128 {
  const sum = f32x4.add(a, b);
  if (!flushes) return sum;
  const isNormal = v128.ne<i32>(v128.and(sum, v128.splat<i32>(0x7f800000)), v128.splat<i32>(0));
  return v128.and(sum, v128.or(isNormal, v128.splat<i32>(0x80000000)));
}

@inline
function addAll(count: usize, a: usize, b: usize, target: usize, flushes: bool): void {
  const bytes = count << 2;
  const unrolled = bytes & ~63;
  let i: usize = 0;
  for (; i < unrolled; i += 64) {
    v128.store(target + i, laneSums(v128.load(a + i), v128.load(b + i), flushes));
    v128.store(target + i, laneSums(v128.load(a + i, 16), v128.load(b + i, 16), flushes), 16);
    v128.store(target + i, laneSums(v128.load(a + i, 32), v128.load(b + i, 32), flushes), 32);
    v128.store(target + i, laneSums(v128.load(a + i, 48), v128.load(b + i, 48), flushes), 48);
  }
  for (; i < bytes; i += 4) {
    const sum = laneSums(f32x4.splat(load<f32>(a + i)), f32x4.splat(load<f32>(b + i)), flushes);
    store<f32>(target + i, f32x4.extract_lane(sum, 0));
  }
}

/** target[i] = a[i] + b[i]; target may be a or b. */
export function add(count: usize, a: usize, b: usize, target: usize): void {
  addAll(count, a, b, target, false);
}

/** add() as processors and GPUs do that count numbers below the normal range as zero. */
export function addFlushed(count: usize, a: usize, b: usize, target: usize): void {
  addAll(count, a, b, target, true);
}

export * from './coding';
