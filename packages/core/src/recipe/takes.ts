// What a place of a recipe takes, in words: from the JSON Schema of the recipe, which zod's schema gives.

/** What is used here of JSON Schema (draft 2020-12). */
export interface JsonSchema {
  /** Of the whole schema's definitions, for a schema that contains itself. */
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly pattern?: string;
  /** Of text with a pattern: what it takes, in words. */
  readonly description?: string;
}

/** The alternatives of a place, with those of nested unions; a schema that is no union is its own alternative. */
export const alternativesOf = (schema: JsonSchema): JsonSchema[] => {
  const own = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return own.length > 0 ? own.flatMap(alternativesOf) : [schema];
};

/** The values that a schema takes, if it takes only some. */
export const valuesOf = ({ const: only, enum: several }: JsonSchema): unknown[] =>
  [only, ...(several ?? [])].filter((value) => value !== undefined);

/** The words among them. */
export const wordsOf = (schema: JsonSchema): string[] =>
  valuesOf(schema).filter((value): value is string => typeof value === 'string');

/** What distinguishes an object of a union: its first required key, and that key's value if it is fixed. */
export interface Kind {
  readonly key: string;
  readonly word: string | undefined;
}

export function kindOf({ properties = {}, required = [] }: JsonSchema): Kind | undefined {
  const key = Object.keys(properties).find((each) => required.includes(each));
  if (key === undefined) return undefined;
  const { const: word } = properties[key]!;
  return { key, word: typeof word === 'string' ? word : undefined };
}

/** a, b or c. */
export const listText = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} or ${parts.at(-1)}`;

const numberText = (value: number): string =>
  Math.abs(value) >= 1e5 && Number.isInteger(value) ? value.toLocaleString('en') : String(value);

function boundsText({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const hasTop = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  const hasBottom = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER;
  const top = hasTop ? numberText(maximum) : undefined;
  const below = exclusiveMaximum === undefined ? undefined : `less than ${numberText(exclusiveMaximum)}`;
  if (hasBottom && top !== undefined) return ` from ${numberText(minimum)} to ${top}`;
  const parts = [
    ...(hasBottom ? [`of at least ${numberText(minimum)}`] : []),
    ...(exclusiveMinimum === undefined ? [] : [`above ${numberText(exclusiveMinimum)}`]),
    ...(top === undefined ? [] : [`of at most ${top}`]),
    ...(below === undefined ? [] : [below]),
  ];
  return parts.length > 0 ? ` ${parts.join(' and ')}` : '';
}

function objectsText(members: readonly JsonSchema[]): string[] {
  const kinds = members.flatMap((member) => kindOf(member) ?? []);
  const named = new Map<string, string[]>();
  for (const { key, word } of kinds) if (word !== undefined) named.set(key, [...(named.get(key) ?? []), word]);
  const keys = [...new Set(kinds.filter(({ word }) => word === undefined).map(({ key }) => key))];
  const plain = members.filter((member) => member.properties && !kindOf(member));
  const isRecord = members.some(({ properties }) => properties === undefined);
  return [
    ...[...named].map(([key, words]) => `an object with ${key}: ${listText(words)}`),
    ...(keys.length > 0 ? [`an object with ${listText(keys)}`] : []),
    ...plain.map(({ properties }) => `an object with some of ${Object.keys(properties!).join(', ')}`),
    ...(isRecord ? ['an object of names and values'] : []),
  ];
}

function listOf({ items, prefixItems, minItems }: JsonSchema): string {
  if (prefixItems) return `a list of ${prefixItems.length}`;
  return minItems !== undefined && minItems > 0 ? `a list of at least ${minItems}` : items ? 'a list' : 'an empty list';
}

const textOf = ({ pattern, description, minLength, maxLength }: JsonSchema): string => {
  if (pattern !== undefined) return description ?? `text that matches ${pattern}`;
  return minLength === 1 && maxLength === 1 ? 'one character' : 'text';
};

/** A short list of the kinds, words or types that a place takes. */
export function takesText(schema: JsonSchema): string {
  const alternatives = alternativesOf(schema);
  const values = alternatives.flatMap(valuesOf).map(String);
  const others = alternatives.filter((each) => valuesOf(each).length === 0);
  const ofType = (...types: JsonSchema['type'][]): JsonSchema[] => others.filter(({ type }) => types.includes(type));
  const parts = [
    ...values,
    ...ofType('boolean').map(() => 'true or false'),
    ...ofType('integer').map((each) => `a whole number${boundsText(each)}`),
    ...ofType('number').map((each) => `a number${boundsText(each)}`),
    ...ofType('string').map(textOf),
    ...ofType('null').map(() => 'null'),
    ...ofType('array').map(listOf),
    ...objectsText(ofType('object')),
  ];
  return parts.length > 0 ? listText([...new Set(parts)]) : 'any value';
}
