// Why a value does not fit the schema of a recipe: the first fault at its path, the nearest right word, and what that
// place takes. zod decides what fits; its errors of a union, which has a list of them per member, do not say which
// member was meant.
import type { ErrorCode } from '../error/errors.js';
import { isSameWord, meaningOf, misspeltOf, spellingOf } from './nearest.js';
import { formatPath, type Path } from './path.js';
import { kindOfName, numberIn, objectFor, objectOfList, titleOf, writtenFor, type NearKind } from './suggestion.js';
import { alternativesOf, kindOf, listText, takesText, valuesOf, wordsOf, type JsonSchema } from './takes.js';

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

/** A path that is not below the place of a fault. */
const whereText = (path: Path): string => `${formatPath(path)}${path.length === 1 ? ' at the top of the recipe' : ''}`;

const nameOf = (path: Path): string => formatPath(path) || 'a recipe';

/** What is wrong with a key such as dense:8, which YAML reads as one word. */
const colonText = (key: string): string => (key.includes(':') ? ', with a space after its colon' : '');

/** What a key means that stands for another one's reciprocal. */
const noteOf = (key: string): string => (key === 'beta' ? ', which is 1/T' : '');

/** As JSON, if it can be: a script may give other values, and an alias in YAML an object that contains itself. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return typeof value === 'bigint' ? `${value}n` : 'an object that contains itself';
  }
}

function shownValue(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (jsonOf(value) ?? typeof value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** How a user probably meant a value that the place does not take. */
function writtenInstead({ schema, value, path, root }: Place): string | undefined {
  if (Array.isArray(value)) return objectOfList(schema);
  const list = alternativesOf(schema).find(({ items }) => items && items.$ref === undefined);
  const isItem = list && value !== null && !faultAt({ schema: list.items!, value, path: [...path, 0], root });
  if (isItem) return `[${shownValue(value)}]`;
  if (typeof value !== 'string') return undefined;
  const number = numberIn(value, schema);
  return number === undefined ? objectFor(value, schema) : String(number);
}

/** A value that the place does not take, or that is missing. */
function wrongValue(place: Place): Fault {
  const { schema, value, path } = place;
  const where = formatPath(path) || 'the recipe';
  const takes = `it takes ${takesText(schema)}`;
  if (value === undefined) return invalid(path, `${where} is missing: ${takes}`);
  const is = `${where} is ${shownValue(value)}`;
  const words = alternativesOf(schema).flatMap(wordsOf);
  const meaning = typeof value === 'string' ? meaningOf(value, words) : undefined;
  const instead = meaning === undefined ? writtenInstead(place) : undefined;
  if (instead !== undefined) return invalid(path, `${is}; write ${instead} (${takes})`);
  if (typeof value !== 'string' || words.length === 0) return invalid(path, `${is}: ${takes}`);
  const near = meaning ?? spellingOf(value, words);
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
function pathBelow(schema: JsonSchema, key: string, depths = 4): Path | undefined {
  let level: { path: Path; schema: JsonSchema }[] = [{ path: [], schema }];
  for (let depth = 0; depth < depths && level.length > 0; depth++) {
    const inner = level.flatMap(({ path, schema: each }) =>
      alternativesOf(each).flatMap(({ properties = {} }) =>
        // The name of a kind, such as that of an optimizer, is no place of its own.
        Object.entries(properties)
          .filter(([, next]) => next.const === undefined)
          .map(([name, next]) => ({ path: [...path, name], schema: next })),
      ),
    );
    const found = inner.find(({ path }) => isSameWord(String(path.at(-1)), key));
    if (found) return found.path;
    level = inner;
  }
  return undefined;
}

/** Where a key has its place, if not here: below, or in what holds this, or next to that. */
function placeElsewhere({ schema, path, root }: Place, key: string): string | undefined {
  const below = pathBelow(schema, key);
  if (below) return formatPath(below);
  // What is far from here is something else with the same name.
  const around = Array.from({ length: path.length }, (_, i) => path.slice(0, path.length - 1 - i)).filter(
    (outer) => outer.length > 0 || path.length <= 2,
  );
  for (const depths of [1, 2])
    for (const outer of around) {
      const found = schemasAt(root, outer).map((each) => pathBelow(each, key, depths));
      const inner = found.find((each) => each !== undefined);
      if (inner) return whereText([...outer, ...inner]);
    }
  return undefined;
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
  const near = meaningOf(key, keys) ?? misspeltOf(key, keys) ?? placeElsewhere(place, key) ?? spellingOf(key, keys);
  const nearest = near === undefined ? '' : `; the nearest is ${near}${noteOf(near)}${colonText(key)}`;
  return unknownKey(full, `${formatPath(full)} is not a known key${nearest} (${takes})`);
}

/** A key that stands for no kind of a union; `instead` says what may have been meant. */
function wrongKind(place: Place, key: string, instead = ''): Fault {
  const full = [...place.path, key];
  const takes = `${nameOf(place.path)} takes ${takesText(place.schema)}`;
  return unknownKey(full, `${formatPath(full)} is not a known key${instead} (${takes})`);
}

/** The fault of a key that no member of a union has, if something is known that may have been meant. */
function meantKind(place: Place & { readonly value: Holder }, key: string, kindKeys: string[]): Fault | undefined {
  const { schema, value } = place;
  const known = { words: alternativesOf(schema).flatMap(wordsOf), kindKeys };
  const nearest = ({ name, isWord }: NearKind): Fault =>
    wrongKind(place, key, `; the nearest is ${name}${isWord ? ', without a value' : colonText(key)}`);
  const meaning = kindOfName(key, known, meaningOf) ?? kindOfName(key, known, misspeltOf);
  if (meaning) return nearest(meaning);
  const text = value[key];
  const written = (typeof text === 'string' ? writtenFor(text, schema) : undefined) ?? objectFor(key, schema);
  if (written !== undefined) return wrongKind(place, key, `; write ${written}`);
  const spelling = kindOfName(key, known, spellingOf);
  return spelling && nearest(spelling);
}

/** How many keys of a value a schema knows, at every depth. */
function knownKeys(schema: JsonSchema, value: unknown): number {
  if (!isObject(value)) return 0;
  const { properties = {} } = schema;
  const known = Object.keys(value).filter((key) => Object.hasOwn(properties, key));
  return known.reduce(
    (sum, key) => sum + 1 + Math.max(...alternativesOf(properties[key]!).map((each) => knownKeys(each, value[key]))),
    0,
  );
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
    const schemas = meant.map(({ schema }) => schema);
    return meant.length > 0 ? meantFault(place, { members, meant: schemas }) : wrongWord(named[0]!.key);
  }
  const knows = ({ properties = {} }: JsonSchema, key: string): boolean => Object.hasOwn(properties, key);
  const kindKeys = kinds.map(({ key }) => key);
  const unknown = keys.filter((each) => !members.some((member) => knows(member, each)));
  for (const key of unknown) {
    const fault = meantKind(place, key, kindKeys);
    if (fault) return fault;
  }
  const others = members.filter((member) => !kindOf(member));
  if (others.length > 0) return meantFault(place, { members, meant: others });
  const counts = members.map((member) => keys.filter((key) => knows(member, key)).length);
  const most = Math.max(...counts);
  const likely = members.filter((_, i) => most > 0 && counts[i] === most);
  const [first] = likely.map((member) => kindOf(member)!);
  if (likely.length === 1) return meantFault(place, { members, meant: likely });
  if (first?.word !== undefined && likely.every((member) => kindOf(member)!.key === first.key))
    return wrongWord(first.key);
  return unknown[0] === undefined ? wrongValue(place) : wrongKind(place, unknown[0]);
}

/** The fault of an object that is meant as one of these members of a union. */
function meantFault(
  place: Place & { readonly value: Holder },
  { members, meant }: { readonly members: readonly JsonSchema[]; readonly meant: readonly JsonSchema[] },
): Fault | undefined {
  const known = meant.map((schema) => ({ schema, keys: knownKeys(schema, place.value) }));
  const likelyFirst = known.sort((a, b) => b.keys - a.keys).map(({ schema }) => schema);
  const faults = likelyFirst.map((schema) =>
    faultAt({ ...place, schema, siblings: members.filter((each) => each !== schema) }),
  );
  const key = kindOf(meant[0]!)?.key;
  const isText =
    key !== undefined &&
    meant.length > 1 &&
    !isObject(place.value[key]) &&
    meant.every(({ properties = {} }) => Object.hasOwn(properties, key));
  if (!isText || faults.includes(undefined)) return deepest(faults);
  const anyOf = meant.map(({ properties = {} }) => properties[key]!);
  const value = place.value[key];
  return unionFault({ ...place, path: [...place.path, key], schema: { anyOf }, value }, anyOf) ?? deepest(faults);
}

function unionFault(place: Place, members: readonly JsonSchema[]): Fault | undefined {
  const { value } = place;
  if (members.some((schema) => valuesOf(schema).includes(value))) return undefined;
  const objects = members.filter(({ type }) => type === 'object');
  if (isObject(value) && objects.length > 0) return objectFault({ ...place, value }, objects);
  const like = members.filter((schema) => isLike(schema, value));
  if (like.length === 0) return wrongValue(place);
  return deepest(like.map((schema) => faultAt({ ...place, schema })));
}

/** Whether a value has the type of a schema that takes more than some values. */
function isLike(schema: JsonSchema, value: unknown): boolean {
  if (valuesOf(schema).length > 0) return false;
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
  const values = valuesOf(place.schema);
  if (values.length > 0) return values.includes(value) ? undefined : wrongValue(place);
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
