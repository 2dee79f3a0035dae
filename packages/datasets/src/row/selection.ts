// Which rows of a source belong to which set: drawn by the seed, a number per class, held out by a share or by the hash
// of a key. A function of the row's number and content, in memory that does not grow with the rows.
import { hashName, hashWords, keyedPermutation, StillhouseError, type Permutation } from '@stillhouse/core';

export type Part = 'training' | 'validation' | 'test' | undefined;

/** What the selection depends on, apart from a row's number. */
export interface RowFacts {
  /** Value of the column that rows are split by. */
  readonly key?: string | null;
  readonly label?: string;
}

export interface SelectionConfig {
  readonly what: string;
  readonly rowCount: number;
  readonly seed: number;
  /** Decides which rows are held out for the test, and by a key; `seed` decides the rest. */
  readonly heldOutSeed: number;
  readonly take?: number | undefined;
  readonly perClass?: number | undefined;
  /** Names of the classes whose rows are used; all by default. */
  readonly classes?: readonly string[] | undefined;
  /** Shares of the rows that are held out. */
  readonly validation: number;
  readonly test: number;
  /** Whether rows are split by the hash of a key, so that rows with the same key stay together. */
  readonly isKeyed: boolean;
}

export interface Selection {
  /** Whether every row is for training; then no row needs to be checked. */
  readonly isWhole: boolean;
  /** Shares of the rows that are held out. */
  readonly shares: { readonly validation: number; readonly test: number };
  /** One pass over the rows; must be called for every row, in order. */
  pass(): (row: number, facts: RowFacts) => Part;
}

/** A number in [0, 1) for each key. */
export const shareOfKey = (key: string, seed: number): number =>
  hashWords(seed, hashName('split'), hashName(key)) / 2 ** 32;

/** Keeps the smallest few of the numbers that it is given. */
class Smallest {
  #values: number[] = [];
  seen = 0;

  constructor(private readonly count: number) {}

  add(value: number): void {
    this.seen += 1;
    this.#values.push(value);
    if (this.#values.length >= 2 * this.count + 64) this.values();
  }

  /** Sorted. */
  values(): number[] {
    this.#values = this.#values.sort((a, b) => a - b).slice(0, this.count);
    return this.#values;
  }
}

/**
 * @param facts yields what `take`, `perClass` and `classes` need from all rows, in order; read only if they need it
 * @throws StillhouseError DATA_EMPTY, DATA_LABEL
 */
export async function selectRows(config: SelectionConfig, facts: () => AsyncIterable<RowFacts>): Promise<Selection> {
  const { what, rowCount, heldOutSeed, take, perClass, classes, validation, test, isKeyed } = config;
  if (rowCount === 0) throw new StillhouseError('DATA_EMPTY', `${what} has no rows`);
  const isTest = isKeyed
    ? (_: number, { key }: RowFacts) => shareOfKey(key ?? '', heldOutSeed) < test
    : heldOut(keyedPermutation(rowCount, heldOutSeed, hashName('test')), Math.round(test * rowCount));
  const drawn =
    take === undefined && perClass === undefined && classes === undefined
      ? undefined
      : await draw(config, isTest, facts);
  const remaining = drawn?.count ?? rowCount - Math.round(test * rowCount);
  const keyedShare = test + validation * (1 - test);
  const turns = isKeyed ? undefined : turnsHeldOut(remaining, validation, config);
  return {
    isWhole: validation === 0 && test === 0 && !drawn,
    shares: { validation, test },
    pass() {
      let turn = 0;
      return (row, rowFacts) => {
        if (test > 0 && isTest(row, rowFacts)) return 'test';
        if (drawn && !drawn.has(row)) return undefined;
        return (turns ? turns(turn++) : shareOfKey(rowFacts.key ?? '', heldOutSeed) < keyedShare)
          ? 'validation'
          : 'training';
      };
    },
  };
}

const heldOut =
  (order: Permutation, count: number) =>
  (row: number): boolean =>
    count > 0 && order.indexOf(row) < count;

/** Selects exactly round(share · count) of `count` rows, at least one if the share is not 0. */
function turnsHeldOut(count: number, share: number, { what, seed }: SelectionConfig): (turn: number) => boolean {
  if (share === 0) return () => false;
  const heldCount = Math.max(1, Math.round(count * share));
  if (heldCount >= count)
    throw new StillhouseError(
      'DATA_EMPTY',
      `${what}: a validation share of ${share} leaves none of ${count} rows for training`,
    );
  return heldOut(keyedPermutation(count, seed, hashName('validation')), heldCount);
}

/** Draws rows in the order of a permutation: the first few per class, and of these the first `take`. */
async function draw(
  { what, rowCount, seed, take, perClass, classes, test }: SelectionConfig,
  isTest: (row: number, facts: RowFacts) => boolean,
  facts: () => AsyncIterable<RowFacts>,
): Promise<{ count: number; has: (row: number) => boolean }> {
  const order = keyedPermutation(rowCount, seed, hashName('sample'));
  const tooFew = (count: number): StillhouseError =>
    new StillhouseError('DATA_EMPTY', `${what} has ${count} rows to take, fewer than take: ${take}`, {
      next: 'Lower take, or use a larger file.',
    });
  if (perClass === undefined && classes === undefined && test === 0) {
    if (rowCount < take!) throw tooFew(rowCount);
    return { count: take!, has: (row) => order.indexOf(row) < take! };
  }
  const wanted = classes && new Set(classes);
  const groups = new Map<string, Smallest>();
  const met = new Set<string>();
  let row = 0;
  for await (const each of facts()) {
    const label = each.label ?? '';
    if (!isTest(row, each) && (!wanted || wanted.has(label))) {
      met.add(label);
      const group = perClass === undefined ? '' : label;
      if (!groups.has(group)) groups.set(group, new Smallest(perClass ?? take ?? rowCount));
      groups.get(group)!.add(order.indexOf(row));
    }
    row += 1;
  }
  const absent = classes?.find((name) => !met.has(name));
  if (absent !== undefined)
    throw new StillhouseError('DATA_LABEL', `${what} has no row of class ${absent}, which is one of classes`, {
      next: 'Name classes as the data does; classes of images and arrays are numbers from 0.',
    });
  const short =
    take === undefined && perClass !== undefined ? [...groups].find(([, { seen }]) => seen < perClass) : undefined;
  if (short)
    throw new StillhouseError(
      'DATA_LABEL',
      `${what}: class ${short[0]} has ${short[1].seen} rows, fewer than perClass: ${perClass}`,
      { next: 'Lower perClass, or use a larger file.' },
    );
  const all = [...groups.values()].flatMap((each) => each.values()).sort((a, b) => a - b);
  if (take !== undefined && all.length < take) throw tooFew(all.length);
  const chosen = new Set(all.slice(0, take));
  return { count: chosen.size, has: (each) => chosen.has(order.indexOf(each)) };
}
