// Deterministic randomness: hashes of integer words and a small generator seeded from them.
// Sources: MurmurHash3's finaliser (Appleby), xoshiro128** (Blackman and Vigna, 2018).

/** MurmurHash3's 32-bit finaliser: a bijection on 32-bit integers. */
export function mix32(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Hashes safe integers to an unsigned 32-bit integer; the order of the words matters. */
export function hashWords(...words: number[]): number {
  let h = 0x9e3779b9;
  for (const word of words) {
    h = mix32(h ^ (word >>> 0));
    h = mix32((Math.imul(h, 0x01000193) ^ Math.floor(word / 2 ** 32)) + 0x6d2b79f5);
  }
  return h >>> 0;
}

/** Hashes a string, so that names can be words of a key. */
export function hashName(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = mix32(h ^ name.charCodeAt(i));
  return h;
}

/** A stream of uniform numbers in [0, 1) with 32 random bits each, determined only by its key. */
export type RandomStream = () => number;

export function randomStream(...key: number[]): RandomStream {
  const seed = hashWords(...key);
  let a = mix32(seed ^ 1) | 1;
  let b = mix32(seed ^ 2);
  let c = mix32(seed ^ 3);
  let d = mix32(seed ^ 4);
  return () => {
    const m = Math.imul(b, 5);
    const result = Math.imul((m << 7) | (m >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result / 2 ** 32;
  };
}

/** One standard normal number (Box and Muller, 1958). */
export function gaussian(next: RandomStream): number {
  const radius = Math.sqrt(-2 * Math.log(1 - next()));
  return radius * Math.cos(2 * Math.PI * next());
}

/** One Gamma(shape, 1) number (Marsaglia and Tsang, 2000; for shapes below 1 with their boost). */
function gamma(shape: number, next: RandomStream): number {
  if (shape < 1) return gamma(shape + 1, next) * (1 - next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = gaussian(next);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** One Beta(a, a) number. */
export function symmetricBeta(a: number, next: RandomStream): number {
  if (a === 1) return next();
  const first = gamma(a, next);
  return first / (first + gamma(a, next));
}
