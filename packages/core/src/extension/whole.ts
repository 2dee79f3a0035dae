// A definition as one object of its own properties, whether a module wrote it as an object or as an instance of a
// class, whose methods are those of its prototype.

/**
 * Methods keep the instance as their `this`.
 * @returns the definition itself if it is a plain object
 */
export function wholeOf<Definition extends object>(definition: Definition): Definition {
  const parent = Object.getPrototypeOf(definition) as object | null;
  if (parent === null || Object.getPrototypeOf(parent) === null) return definition;
  const names = new Set<string>();
  // The last prototype is that of every object.
  for (let at: object = definition, next = parent; next !== null; at = next, next = Object.getPrototypeOf(at) as object)
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  names.delete('constructor');
  const valueOf = (name: string): unknown => {
    const value = definition[name as keyof Definition] as unknown;
    return typeof value === 'function' ? (value.bind(definition) as unknown) : value;
  };
  return Object.fromEntries([...names].map((name) => [name, valueOf(name)])) as Definition;
}
