// JSON from disk, checked by a schema.
import { readFileSync } from 'node:fs';

/** A Zod schema, without the seconds that the compiler takes to relate one to z.ZodType. */
export interface Check {
  safeParse(value: unknown): { readonly success: boolean };
}

/**
 * Undefined for text that is not JSON or does not fit the schema. The value keeps the order of its keys, so that hashes
 * of it stay the same.
 */
export function parseJson<Value>(text: string, schema: Check): Value | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return schema.safeParse(value).success ? (value as Value) : undefined;
}

/** Also undefined for a file that does not exist. */
export function readJson<Value>(file: string, schema: Check): Value | undefined {
  try {
    return parseJson(readFileSync(file, 'utf8'), schema);
  } catch {
    return undefined;
  }
}
