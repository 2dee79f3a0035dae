// The right word for a wrong one, whatever its case and punctuation: the word itself, the one that other frameworks
// call so, or one that is spelt nearly so; none if nothing is near.
import { closest, distance } from 'fastest-levenshtein';
import { namesHere } from './other-names.js';

const plain = (word: string): string => word.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** Whether two words are one, apart from case and punctuation: learning_rate and learningRate. */
export const isSameWord = (a: string, b: string): boolean => plain(a) === plain(b) && plain(a) !== '';

/** The known word that a word is, or that it stands for in other frameworks. */
export function meaningOf(word: string, known: readonly string[]): string | undefined {
  const here = namesHere(plain(word));
  return known.find((each) => isSameWord(word, each)) ?? here.find((each) => known.includes(each));
}

/** A third of the letters may be wrong, or half of them if the words begin alike; or one is a part of the other. */
function isNear(a: string, b: string): boolean {
  const length = Math.max(a.length, b.length);
  const wrong = distance(a, b);
  const isPart = Math.min(a.length, b.length) >= 3 && (a.includes(b) || b.includes(a));
  return isPart || wrong <= Math.max(1, Math.floor(length / (a.slice(0, 2) === b.slice(0, 2) ? 2 : 3)));
}

/** The known word that is spelt most like a word. */
export function spellingOf(word: string, known: readonly string[]): string | undefined {
  const wanted = plain(word);
  const near = known.map(plain).filter((each) => wanted.length > 1 && isNear(wanted, each));
  const best = near.length > 0 ? closest(wanted, near) : undefined;
  return known.find((each) => plain(each) === best);
}

/** The known word that differs in one letter. */
export const misspeltOf = (word: string, known: readonly string[]): string | undefined =>
  known.find((each) => plain(word).length > 2 && distance(plain(word), plain(each)) === 1);
