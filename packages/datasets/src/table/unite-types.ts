// One type per column for files whose types differ: only what loses nothing and is obvious.

/** Bits of an integer type; unsigned ones begin with U. */
const integerBits: Readonly<Record<string, number>> = {
  TINYINT: 8,
  SMALLINT: 16,
  INTEGER: 32,
  BIGINT: 64,
  HUGEINT: 128,
};
const signedOf: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(integerBits).map(([name, bits]) => [bits, name]),
);
const fractions = /^(FLOAT|DOUBLE|DECIMAL.*)$/;
const times = /^(DATE|TIMESTAMP(_S|_MS|_NS)?)$/;
const texts = /^(VARCHAR|UUID|ENUM.*)$/;

const bitsOf = (type: string): number | undefined => integerBits[type.replace(/^U/, '')];
const isUnsigned = (type: string): boolean => type.startsWith('U');

/** A boolean is the integer 0 or 1. */
function unitedIntegers(types: readonly string[]): string | undefined {
  const integers = types.map((type) => (type === 'BOOLEAN' ? 'UTINYINT' : type));
  const most = (of: readonly string[]): number => Math.max(0, ...of.map((type) => bitsOf(type)!));
  const unsignedBits = most(integers.filter(isUnsigned));
  const signedBits = most(integers.filter((type) => !isUnsigned(type)));
  if (signedBits === 0) return `U${signedOf[unsignedBits]}`;
  // A signed type holds an unsigned one of half its size.
  return signedOf[Math.max(signedBits, 2 * unsignedBits)];
}

/**
 * The type that holds every cell of columns with these types: integers with fractions are DOUBLE, dates with timestamps
 * are timestamps.
 * @param types names of DuckDB's types, at least one
 * @returns undefined if there is none, or it would not be obvious
 */
export function unitedType(types: readonly string[]): string | undefined {
  const [first] = types;
  const all = (test: (type: string) => boolean): boolean => types.every(test);
  if (all((type) => type === first)) return first;
  const isInteger = (type: string): boolean => type === 'BOOLEAN' || bitsOf(type) !== undefined;
  if (all(isInteger)) return unitedIntegers(types);
  if (all((type) => isInteger(type) || fractions.test(type))) return 'DOUBLE';
  if (all((type) => times.test(type))) return types.includes('TIMESTAMP_NS') ? 'TIMESTAMP_NS' : 'TIMESTAMP';
  return all((type) => texts.test(type)) ? 'VARCHAR' : undefined;
}
