// A module's definition whose functions report in its name: what they throw, and what they return that they may not.

/**
 * Checks what a function returned for its arguments.
 * @throws TypeError in words that follow the function's name
 */
export type ResultCheck = (result: unknown, ...args: never[]) => void;

/** Checks by the name of the function; `takes.fits` is that of a part. */
export type ResultChecks = Readonly<Record<string, ResultCheck>>;

type Call = (this: unknown, ...args: never[]) => unknown;

const isPart = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/**
 * The definition with guarded functions.
 * @param failed makes an error from a sentence, and from what was thrown
 */
export function guarded<Definition extends object>(
  definition: Definition,
  checks: ResultChecks,
  failed: (name: string, cause: unknown) => Error,
): Definition {
  const guard = (part: object, prefix: string): object => {
    const guardedCall = (name: string, call: Call): Call =>
      function (...args) {
        try {
          const result = call.apply(part, args);
          checks[name]?.(result, ...args);
          return result;
        } catch (cause) {
          throw failed(name, cause);
        }
      };
    return Object.fromEntries(
      Object.entries(part).map(([key, value]: [string, unknown]) => {
        const name = `${prefix}${key}`;
        if (typeof value === 'function') return [key, guardedCall(name, value as Call)];
        return [key, isPart(value) ? guard(value, `${name}.`) : value];
      }),
    );
  };
  return guard(definition, '') as Definition;
}

const shown = (value: unknown): string => {
  const { shape } = (value ?? {}) as { shape?: unknown };
  if (Array.isArray(shape)) return `a tensor of shape [${shape.join(', ')}]`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
};

/** @throws TypeError that says what was returned instead */
export function expected(isExpected: boolean, what: string, result: unknown): void {
  if (!isExpected) throw new TypeError(`it returned ${shown(result)}, not ${what}`);
}

/** @throws TypeError unless it is a tensor of this shape, or of one of these */
export function expectTensor(result: unknown, ...shapes: readonly (readonly number[])[]): void {
  const { shape } = (result ?? {}) as { shape?: unknown };
  const isOne = Array.isArray(shape) && shapes.some((each) => String(each) === String(shape));
  expected(isOne, `a tensor of shape ${shapes.map((each) => `[${each.join(', ')}]`).join(' or ')}`, result);
}

export const expectNumber: ResultCheck = (result) => expected(typeof result === 'number', 'a number', result);
export const expectBoolean: ResultCheck = (result) => expected(typeof result === 'boolean', 'true or false', result);
