// The right word that a wrong one is nearest to, whatever its case and punctuation; none if nothing is near.
import { closest, distance } from 'fastest-levenshtein';

const plain = (word: string): string => word.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** Whether two words are one, apart from case and punctuation: learning_rate and learningRate. */
export const isSameWord = (a: string, b: string): boolean => plain(a) === plain(b) && plain(a) !== '';

/** At most half of the letters may be wrong. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  const same = known.find((each) => isSameWord(word, each));
  if (same !== undefined || known.length === 0) return same;
  const wanted = plain(word);
  const near = closest(wanted, known.map(plain));
  if (distance(wanted, near) > Math.max(1, Math.floor(Math.max(wanted.length, near.length) / 2))) return undefined;
  return known.find((each) => plain(each) === near);
}
