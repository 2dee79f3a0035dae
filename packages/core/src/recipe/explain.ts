// Why a value does not fit the schema of a recipe: the first fault at its path, the nearest right word, and what that
// place takes. zod decides what fits; its errors of a union, which has a list of them per member, do not say which
// member was meant.
import type { ErrorCode } from '../error/errors.js';
import { isSameWord, nearestOf } from './nearest.js';
import { formatPath, type Path } from './path.js';
import { alternativesOf, kindOf, listText, takesText, wordsOf, type JsonSchema, type Kind } from './takes.js';

export interface Fault {
  readonly code: Extract<ErrorCode, 'RECIPE_INVALID' | 'RECIPE_UNKNOWN_KEY'>;
  readonly path: Path;
  /** Begins with the path. */
  readonly message: string;
}

interface Place {
  readonly schema: JsonSchema;
  readonly value: unknown;
  readonly path: Path;
  /** The schema of the whole recipe. */
  readonly root: JsonSchema;
  /** The other members of the union whose member the schema is. */
  readonly siblings?: readonly JsonSchema[];
}

type Holder = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Holder =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const invalid = (path: Path, message: string): Fault => ({ code: 'RECIPE_INVALID', path, message });
const unknownKey = (path: Path, message: string): Fault => ({ code: 'RECIPE_UNKNOWN_KEY', path, message });

const nameOf = (path: Path): string => formatPath(path) || 'a recipe';

const titleOf = ({ word, key }: Kind): string => word ?? key;

/** What is wrong with a key such as dense:8, which YAML reads as one word. */
const colonText = (key: string): string => (key.includes(':') ? ', with a space after its colon' : '');

function shownValue(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** How a word stands for an object of a union: adam is {name: adam}, large.csv is {csv: large.csv}. */
function objectFor(text: string, schema: JsonSchema): string | undefined {
  const kinds = alternativesOf(schema).flatMap((member) => kindOf(member) ?? []);
  const named = kinds.find((kind) => isSameWord(titleOf(kind), text));
  if (named) return named.word === undefined ? `{${named.key}: …}` : `{${named.key}: ${named.word}}`;
  const file = kinds.find(({ key }) => new RegExp(String.raw`\.${key}(\.gz)?$`, 'i').test(text));
  return file && `{${file.key}: ${text}}`;
}

/** A value that the place does not take, or that is missing. */
function wrongValue({ schema, value, path }: Place): Fault {
  const where = formatPath(path) || 'the recipe';
  const takes = `it takes ${takesText(schema)}`;
  if (value === undefined) return invalid(path, `${where} is missing: ${takes}`);
  const is = `${where} is ${shownValue(value)}`;
  if (typeof value !== 'string') return invalid(path, `${is}: ${takes}`);
  const words = alternativesOf(schema).flatMap(wordsOf);
  const near = nearestOf(value, words);
  const object = near === undefined ? objectFor(value, schema) : undefined;
  if (object !== undefined) return invalid(path, `${is}; write ${object} (${takes})`);
  if (words.length === 0) return invalid(path, `${is}: ${takes}`);
  const nearest = near === undefined ? '' : `; the nearest is ${near}`;
  return invalid(path, `${is}, which is not a known value${nearest} (${takes})`);
}

/** The objects that have their place at a path. */
function schemasAt(root: JsonSchema, path: Path): JsonSchema[] {
  return path.reduce<JsonSchema[]>(
    (schemas, part) =>
      schemas.flatMap((schema) => {
        const next = typeof part === 'number' ? schema.items : schema.properties?.[String(part)];
        return next ? alternativesOf(next) : [];
      }),
    alternativesOf(root),
  );
}

/** The path below a schema at which a key has its place, as near as possible. */
function pathBelow(schema: JsonSchema, key: string): Path | undefined {
  let level: { path: Path; schema: JsonSchema }[] = [{ path: [], schema }];
  for (let depth = 0; depth < 4 && level.length > 0; depth++) {
    const inner = level.flatMap(({ path, schema: each }) =>
      alternativesOf(each).flatMap(({ properties = {} }) =>
        Object.entries(properties).map(([name, next]) => ({ path: [...path, name], schema: next })),
      ),
    );
    const found = inner.find(({ path }) => isSameWord(String(path.at(-1)), key));
    if (found) return found.path;
    level = inner;
  }
  return undefined;
}

/** Where a key has its place, if not here: below, or in what holds this, or anywhere in the recipe. */
function placeElsewhere({ schema, path, root }: Place, key: string): string | undefined {
  const below = pathBelow(schema, key);
  if (below) return formatPath(below);
  for (let length = path.length - 1; length >= 0; length--) {
    const keys = schemasAt(root, path.slice(0, length)).flatMap(({ properties = {} }) => Object.keys(properties));
    const same = keys.find((each) => isSameWord(each, key));
    if (same !== undefined) return formatPath([...path.slice(0, length), same]);
  }
  const anywhere = pathBelow(root, key);
  return anywhere && formatPath(anywhere);
}

/** A key that the object of a known kind does not have. */
function wrongKey(place: Place, key: string): Fault {
  const { schema, path, siblings = [] } = place;
  const full = [...path, key];
  const keys = Object.keys(schema.properties ?? {});
  const takes = `${nameOf(path)} takes ${keys.join(', ')}`;
  const kind = kindOf(schema);
  const owners = siblings
    .filter(({ properties }) => properties && Object.hasOwn(properties, key))
    .flatMap((sibling) => kindOf(sibling) ?? []);
  if (kind && owners.length > 0) {
    const titles = [...new Set(owners.map(titleOf))];
    return unknownKey(
      full,
      `${formatPath(full)} is not a known key of ${titleOf(kind)}, only of ${listText(titles)} (${takes})`,
    );
  }
  const near = nearestOf(key, keys) ?? placeElsewhere(place, key);
  const nearest = near === undefined ? '' : `; the nearest is ${near}${colonText(key)}`;
  return unknownKey(full, `${formatPath(full)} is not a known key${nearest} (${takes})`);
}

/** A key that stands for no kind of a union. */
function wrongKind(place: Place, key: string, near: string | undefined): Fault {
  const full = [...place.path, key];
  const words = alternativesOf(place.schema).flatMap(wordsOf);
  const word = near === undefined ? nearestOf(key, words) : undefined;
  const right = near ?? word;
  const nearest =
    right === undefined ? '' : `; the nearest is ${right}${word === undefined ? colonText(key) : ', without a value'}`;
  const takes = `${nameOf(place.path)} takes ${takesText(place.schema)}`;
  return unknownKey(full, `${formatPath(full)} is not a known key${nearest} (${takes})`);
}

/** The deepest fault, and at one depth a wrong value; none if one of the members takes the value. */
function deepest(faults: readonly (Fault | undefined)[]): Fault | undefined {
  if (faults.includes(undefined)) return undefined;
  const depth = ({ path, code }: Fault): number => 2 * path.length + (code === 'RECIPE_INVALID' ? 1 : 0);
  return (faults as Fault[]).reduce((best, each) => (depth(each) > depth(best) ? each : best));
}

/** The fault of an object that should be one of several kinds. */
function objectFault(place: Place & { readonly value: Holder }, members: readonly JsonSchema[]): Fault | undefined {
  const { value, path } = place;
  const keys = Object.keys(value);
  const faultsOf = (meant: readonly JsonSchema[]): Fault | undefined =>
    deepest(meant.map((schema) => faultAt({ ...place, schema, siblings: members.filter((each) => each !== schema) })));
  const kinds = members.flatMap((schema) => {
    const kind = kindOf(schema);
    return kind ? [{ ...kind, schema }] : [];
  });
  const wrongWord = (key: string): Fault | undefined => {
    const words = kinds.flatMap((kind) => (kind.key === key && kind.word !== undefined ? kind.word : []));
    return wrongValue({ ...place, path: [...path, key], schema: { enum: words }, value: value[key] });
  };
  const named = kinds.filter(({ key }) => Object.hasOwn(value, key));
  if (named.length > 0) {
    const meant = named.filter(({ key, word }) => word === undefined || word === value[key]);
    return meant.length > 0 ? faultsOf(meant.map(({ schema }) => schema)) : wrongWord(named[0]!.key);
  }
  const knows = ({ properties = {} }: JsonSchema, key: string): boolean => Object.hasOwn(properties, key);
  const kindKeys = kinds.map(({ key }) => key);
  for (const key of keys.filter((each) => !members.some((member) => knows(member, each)))) {
    const near = nearestOf(key, kindKeys);
    if (near !== undefined) return wrongKind(place, key, near);
  }
  const others = members.filter((member) => !kindOf(member));
  if (others.length > 0) return faultsOf(others);
  const counts = members.map((member) => keys.filter((key) => knows(member, key)).length);
  const most = Math.max(...counts);
  const likely = members.filter((_, i) => most > 0 && counts[i] === most);
  const [first] = likely.map((member) => kindOf(member)!);
  if (likely.length === 1) return faultsOf(likely);
  if (first?.word !== undefined && likely.every((member) => kindOf(member)!.key === first.key))
    return wrongWord(first.key);
  return keys[0] === undefined || first ? wrongValue(place) : wrongKind(place, keys[0], undefined);
}

function unionFault(place: Place, members: readonly JsonSchema[]): Fault | undefined {
  const { value } = place;
  if (typeof value === 'string' && members.some((schema) => wordsOf(schema).includes(value))) return undefined;
  const objects = members.filter(({ type }) => type === 'object');
  if (isObject(value) && objects.length > 0) return objectFault({ ...place, value }, objects);
  const like = members.filter((schema) => isLike(schema, value));
  if (like.length === 0) return wrongValue(place);
  return deepest(like.map((schema) => faultAt({ ...place, schema })));
}

/** Whether a value has the type of a schema that takes more than some words. */
function isLike(schema: JsonSchema, value: unknown): boolean {
  if (wordsOf(schema).length > 0) return false;
  switch (schema.type) {
    case 'array':
      return Array.isArray(value);
    case 'integer':
    case 'number':
      return typeof value === 'number';
    case 'object':
      return isObject(value);
    case 'null':
      return value === null;
    default:
      return schema.type === undefined || typeof value === schema.type;
  }
}

function membersFault(place: Place & { readonly value: Holder }): Fault | undefined {
  const { schema, value, path, root } = place;
  const { properties, required = [], additionalProperties } = schema;
  const inner = (key: string, next: JsonSchema): Fault | undefined =>
    faultAt({ schema: next, value: value[key], path: [...path, key], root });
  const keys = Object.keys(value);
  if (!properties) {
    const faults = keys.map((key) =>
      typeof additionalProperties === 'object' ? inner(key, additionalProperties) : undefined,
    );
    return faults.find((fault) => fault !== undefined);
  }
  const wrong = keys.find((key) => !Object.hasOwn(properties, key));
  if (wrong !== undefined) return wrongKey(place, wrong);
  for (const key of keys) {
    const fault = value[key] === undefined && !required.includes(key) ? undefined : inner(key, properties[key]!);
    if (fault) return fault;
  }
  const missing = required.find((key) => !Object.hasOwn(value, key));
  return missing === undefined ? undefined : inner(missing, properties[missing]!);
}

function itemsFault(place: Place & { readonly value: readonly unknown[] }): Fault | undefined {
  const { schema, value, path, root } = place;
  const { items, prefixItems, minItems = 0, maxItems = Infinity } = schema;
  const isCount = prefixItems
    ? value.length === prefixItems.length
    : value.length >= minItems && value.length <= maxItems;
  if (!isCount) return wrongValue(place);
  for (const [i, each] of value.entries()) {
    const next = prefixItems?.[i] ?? items;
    const fault = next && faultAt({ schema: next, value: each, path: [...path, i], root });
    if (fault) return fault;
  }
  return undefined;
}

function isNumberOf(schema: JsonSchema, value: number): boolean {
  const { type, minimum = -Infinity, maximum = Infinity, exclusiveMinimum, exclusiveMaximum } = schema;
  return (
    Number.isFinite(value) &&
    (type !== 'integer' || Number.isInteger(value)) &&
    value >= minimum &&
    value <= maximum &&
    (exclusiveMinimum === undefined || value > exclusiveMinimum) &&
    (exclusiveMaximum === undefined || value < exclusiveMaximum)
  );
}

const isTextOf = ({ pattern, minLength = 0, maxLength = Infinity }: JsonSchema, value: string): boolean =>
  value.length >= minLength && value.length <= maxLength && (pattern === undefined || new RegExp(pattern).test(value));

/** The schema itself, or the definition that it refers to. */
const referred = ({ schema, root }: Place): JsonSchema =>
  schema.$ref === undefined ? schema : root.$defs![schema.$ref.split('/').at(-1)!]!;

function faultAt(given: Place): Fault | undefined {
  const at = { ...given, schema: referred(given) };
  const [schema, ...others] = alternativesOf(at.schema);
  if (others.length > 0) return unionFault(at, [schema!, ...others]);
  const place = { ...at, schema: schema! };
  const { value } = at;
  const words = wordsOf(place.schema);
  if (words.length > 0) return words.includes(value as string) ? undefined : wrongValue(place);
  if (!isLike(place.schema, value)) return wrongValue(place);
  if (isObject(value)) return membersFault({ ...place, value });
  if (Array.isArray(value)) return itemsFault({ ...place, value });
  const fits =
    typeof value === 'number'
      ? isNumberOf(place.schema, value)
      : typeof value !== 'string' || isTextOf(place.schema, value);
  return fits ? undefined : wrongValue(place);
}

/** The first fault of a value, from the outside in; undefined if the schema takes it. */
export const faultOf = (schema: JsonSchema, value: unknown): Fault | undefined =>
  faultAt({ schema, value, path: [], root: schema });
