// What a user probably meant at a place, as it is written in a recipe: adam is {name: adam}, a.csv is {csv: a.csv}, and
// relu is {activation: relu}.
import { meaningOf } from './nearest.js';
import { alternativesOf, kindOf, wordsOf, type JsonSchema, type Kind } from './takes.js';

/** What distinguishes a kind of object, in one word. */
export const titleOf = ({ word, key }: Kind): string => word ?? key;

/** Endings of files that are not the key that takes them. */
const endings: Readonly<Record<string, string>> = {
  tsv: 'csv',
  txt: 'csv',
  pq: 'parquet',
  ndjson: 'jsonl',
  mjs: 'module',
  js: 'module',
  json: 'topology',
  h5: 'pretrained',
  keras: 'pretrained',
  onnx: 'pretrained',
};

/** Dense of nn.Dense(32). */
const bareName = (text: string): string => text.replace(/\(.*$/s, '').split('.').at(-1)!;

/** The object that takes a file, by its ending. */
function objectOfFile(text: string, kinds: readonly Kind[]): string | undefined {
  const [, ending = ''] = /\.(\w+)(?:\.gz)?$/.exec(text.toLowerCase()) ?? [];
  const file = kinds.find(({ key }) => key === ending || key === endings[ending]);
  return file && `{${file.key}: ${text}}`;
}

/** How a word is written where an object is expected; undefined if nothing is like it. */
export function objectFor(text: string, schema: JsonSchema): string | undefined {
  const members = alternativesOf(schema);
  const kinds = members.flatMap((member) => kindOf(member) ?? []);
  const file = objectOfFile(text, kinds);
  if (file !== undefined) return file;
  const titles = kinds.map(titleOf);
  const title = meaningOf(text, titles) ?? meaningOf(bareName(text), titles);
  const named = kinds.find((kind) => titleOf(kind) === title);
  if (named) return named.word === undefined ? `{${named.key}: …}` : `{${named.key}: ${named.word}}`;
  for (const member of members) {
    const kind = kindOf(member);
    if (kind?.word !== undefined || !kind) continue;
    const words = alternativesOf(member.properties![kind.key]!).flatMap(wordsOf);
    const word = meaningOf(text, words) ?? meaningOf(bareName(text), words);
    if (word !== undefined) return `{${kind.key}: ${word}}`;
  }
  return undefined;
}

/** The word of a place, or the object, that a text stands for. */
export const writtenFor = (text: string, schema: JsonSchema): string | undefined =>
  meaningOf(text, alternativesOf(schema).flatMap(wordsOf)) ?? objectFor(text, schema);

/** The object whose key takes a list, for a list where only objects have a place; undefined if several do. */
export function objectOfList(schema: JsonSchema): string | undefined {
  const keys = alternativesOf(schema).flatMap(({ properties = {}, required = [] }) =>
    required.filter((key) => alternativesOf(properties[key]!).some(({ type }) => type === 'array')),
  );
  return keys.length === 1 ? `{${keys[0]}: […]}` : undefined;
}

/** The number that a text in quotes is, if numbers have a place there. */
export function numberIn(text: string, schema: JsonSchema): number | undefined {
  const takesNumbers = alternativesOf(schema).some(({ type }) => type === 'number' || type === 'integer');
  const number = text.trim() === '' ? NaN : Number(text);
  return takesNumbers && Number.isFinite(number) ? number : undefined;
}

/** A word of a place, or the key of one of its kinds of objects. */
export interface NearKind {
  readonly name: string;
  readonly isWord: boolean;
}

/** @param find which of the known names a key stands for */
export function kindOfName(
  key: string,
  { words, kindKeys }: { readonly words: readonly string[]; readonly kindKeys: readonly string[] },
  find: (key: string, known: readonly string[]) => string | undefined,
): NearKind | undefined {
  const name = find(key, [...kindKeys, ...words]);
  return name === undefined ? undefined : { name, isWord: !kindKeys.includes(name) };
}
