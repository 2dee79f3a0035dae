// The same recipe with other values: what --set of a benchmark asks for, and whether the weights of each are equal.

/**
 * From texts such as `wire=int8;sync.every=100` to arguments of `stillhouse run`, by name. The recipe as it is comes
 * first.
 */
export const variantsOf = (texts) => ({
  Stillhouse: [],
  ...Object.fromEntries(
    texts.map((text) => [`Stillhouse, ${text}`, text.split(';').flatMap((setting) => ['--set', setting.trim()])]),
  ),
});

/** Hashes of the weights that each variant must give whatever the cluster does. */
export class WeightHashes {
  #seen = new Map();

  /** @throws Error if the variant gave other weights before */
  add(variant, how, hash) {
    const before = this.#seen.get(variant) ?? { how, hash, count: 0 };
    if (before.hash !== hash)
      throw new Error(`${variant}: the weights differ: ${before.how} gave ${before.hash}, ${how} gave ${hash}`);
    this.#seen.set(variant, { ...before, count: before.count + 1 });
  }

  print() {
    for (const [variant, { hash, count }] of this.#seen)
      console.log(`${variant}: equal weights in all ${count} runs, SHA-256 ${hash}`);
  }
}
