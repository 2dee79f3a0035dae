// Dotted paths into a recipe, such as distill.terms[0].weight. Keys are joined by dots, and elements of lists are in
// brackets; a key that has one of these, a space, a comma or a colon in it is quoted: ['a.b'].
import { StillhouseError } from '../error/errors.js';

/** Keys of objects and indices of lists, from the outside in. */
export type Path = readonly PropertyKey[];

type Holder = Readonly<Record<PropertyKey, unknown>>;

const isHolder = (value: unknown): value is Holder => typeof value === 'object' && value !== null;

/** Keys that lead to what every object inherits, not to a part of a recipe. */
const inheritedKeys: readonly PropertyKey[] = ['__proto__', 'constructor', 'prototype'];

const quoted = (key: string): string => `['${key.replaceAll(/['\\]/g, String.raw`\$&`)}']`;

export const formatPath = (path: Path): string =>
  path
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`;
      const key = String(part);
      return key === '' || /[.[\]:,\s]/.test(key) ? quoted(key) : `${i > 0 ? '.' : ''}${key}`;
    })
    .join('');

function refuseInherited(path: Path): void {
  const key = path.find((part) => inheritedKeys.includes(part));
  if (key !== undefined)
    throw new StillhouseError(
      'RECIPE_INVALID',
      `${formatPath(path)} is not a part of a recipe: ${String(key)} is reserved`,
    );
}

/** @throws StillhouseError RECIPE_INVALID */
export function parsePath(text: string): (string | number)[] {
  const path = pathOf(text);
  refuseInherited(path);
  return path;
}

function pathOf(text: string): (string | number)[] {
  const part = /\.(?<key>[^.[\]]+)|\[(?<index>\d+)\]|\['(?<quotedKey>(?:[^'\\]|\\.)*)'\]/y;
  const all = text.startsWith('[') ? text : `.${text}`;
  const path: (string | number)[] = [];
  while (part.lastIndex < all.length) {
    const groups = part.exec(all)?.groups;
    if (!groups)
      throw new StillhouseError(
        'RECIPE_INVALID',
        `${JSON.stringify(text)} is not a path such as distill.terms[0].weight`,
      );
    const { key, index, quotedKey } = groups as Partial<Record<string, string>>;
    path.push(index === undefined ? (key ?? quotedKey!.replaceAll(/\\(.)/g, '$1')) : Number(index));
  }
  return path;
}

/** The path that a sentence begins with, as sentences about a recipe do; undefined if it cannot be one. */
export function leadingPath(sentence: string): Path | undefined {
  const text =
    /^(?:[^\s.[\]:,"]+|\['(?:[^'\\]|\\.)*'\])(?:\.[^\s.[\]:,]+|\[\d+\]|\['(?:[^'\\]|\\.)*'\])*(?=[\s:,]|$)/.exec(
      sentence,
    )?.[0];
  return text === undefined ? undefined : pathOf(text);
}

/** The value at a path; undefined if there is none. */
export const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>((node, key) => (isHolder(node) && Object.hasOwn(node, key) ? node[key] : undefined), root);

function replaced(node: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const next = replaced(valueAt(node, [key]), rest, value);
  if (Array.isArray(node) && next === undefined) return node.toSpliced(Number(key), 1);
  const copy: Record<PropertyKey, unknown> = Array.isArray(node)
    ? ([...(node as unknown[])] as unknown as Record<PropertyKey, unknown>)
    : { ...(node as Holder | undefined) };
  if (next === undefined) delete copy[key];
  else copy[key] = next;
  return copy;
}

/**
 * A copy with another value at a path; undefined removes what is there. Missing objects along the path are added.
 * @throws StillhouseError RECIPE_INVALID if something along the path is neither an object nor a list, or if a list has
 * no such place; the place after its last one adds to it
 */
export function withValueAt(root: unknown, path: Path, value: unknown): unknown {
  refuseInherited(path);
  for (let length = 0; length < path.length; length++) {
    const node = valueAt(root, path.slice(0, length));
    if (!isHolder(node) && node !== undefined && node !== null)
      throw new StillhouseError('RECIPE_INVALID', `${formatPath(path.slice(0, length))} is not an object or list`);
    const key = path[length]!;
    // terms.0 is terms[0].
    const isIndex = typeof key === 'number' || /^(0|[1-9]\d*)$/.test(String(key));
    if (Array.isArray(node) && !(isIndex && Number(key) <= node.length))
      throw new StillhouseError(
        'RECIPE_INVALID',
        `${formatPath(path.slice(0, length))} is a list of ${node.length}: it has no ${String(key)}`,
      );
  }
  return replaced(root, path, value);
}

/** The first path of a value that ends in __proto__, a key that code which copies objects drops or misreads. */
export function reservedKeyIn(value: unknown, path: Path = []): Path | undefined {
  // Deeper than any schema goes; an object may contain itself.
  if (!isHolder(value) || path.length > 100) return undefined;
  for (const [key, each] of Object.entries(value)) {
    const own = [...path, Array.isArray(value) ? Number(key) : key];
    const found = key === '__proto__' ? own : reservedKeyIn(each, own);
    if (found) return found;
  }
  return undefined;
}

/** Every value that is neither an object nor a list, with its path, in order. */
export function* leavesOf(value: unknown, path: Path = []): Generator<readonly [path: Path, value: unknown]> {
  if (!isHolder(value)) yield [path, value];
  else if (Array.isArray(value)) for (const [i, each] of value.entries()) yield* leavesOf(each, [...path, i]);
  else for (const [key, each] of Object.entries(value)) yield* leavesOf(each, [...path, key]);
}
