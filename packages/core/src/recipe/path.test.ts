// Paths: what is written is read, what is set is found, nothing else changes, and nothing reaches a prototype.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPath, leadingPath, leavesOf, parsePath, valueAt, withValueAt } from './path.js';

const inherited = ['__proto__', 'constructor', 'prototype'];
const keyArbitrary = fc
  .oneof(fc.string(), fc.constantFrom('a', 'a.b', "it's", '[0]', '\\', '0', ''))
  .filter((key) => !inherited.includes(key));
const pathArbitrary = fc.array(fc.oneof(keyArbitrary, fc.nat(3)), { minLength: 1, maxLength: 5 });
const recipeArbitrary = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.integer(),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(keyArbitrary, tie('tree'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).tree;

test('a path that is written is read again', () => {
  expect(formatPath(['distill', 'terms', 0, 'weight'])).toBe('distill.terms[0].weight');
  expect(formatPath(['values', 'student.epochs', 'from'])).toBe("values['student.epochs'].from");
  fc.assert(
    fc.property(pathArbitrary, (path) => {
      expect(parsePath(formatPath(path))).toEqual(path);
    }),
  );
});

test.each(['', '.a', 'a.', 'a..b', 'a[', 'a[x]', 'a]', "a['b", 'a[-1]'])('%j is not a path', (text) => {
  expect(() => parsePath(text)).toThrow(expect.objectContaining({ code: 'RECIPE_INVALID' }));
});

test('each value is found at its path', () => {
  fc.assert(
    fc.property(recipeArbitrary, (recipe) => {
      for (const [path, value] of leavesOf(recipe)) expect(valueAt(recipe, path)).toBe(value);
    }),
  );
});

test('a value that is set is found; the others stay, and so does the original', () => {
  fc.assert(
    fc.property(recipeArbitrary, fc.nat(), (recipe, pick) => {
      const leaves = [...leavesOf(recipe)];
      fc.pre(leaves.length > 0);
      const index = pick % leaves.length;
      const before = structuredClone(recipe);
      const changed = withValueAt(recipe, leaves[index]![0], 'new');
      expect([...leavesOf(changed)]).toEqual(leaves.map(([path, value], i) => [path, i === index ? 'new' : value]));
      expect(recipe).toEqual(before);
    }),
  );
});

test('what is missing on the way is added, and undefined removes', () => {
  expect(withValueAt({ a: null }, parsePath('a.b.c'), 1)).toEqual({ a: { b: { c: 1 } } });
  expect(withValueAt({ a: { b: 1, c: 2 } }, parsePath('a.b'), undefined)).toEqual({ a: { c: 2 } });
  expect(withValueAt({ a: [1, 2, 3] }, parsePath('a[1]'), undefined)).toEqual({ a: [1, 3] });
  expect(() => withValueAt({ a: { b: 7 } }, parsePath('a.b.c'), 1)).toThrow('a.b is not an object or list');
});

test('a list has no other places than its own and the next', () => {
  expect(withValueAt({ a: [1] }, parsePath('a[1]'), 2)).toEqual({ a: [1, 2] });
  expect(withValueAt({ a: [{ b: 1 }] }, parsePath('a.0.b'), 2)).toEqual({ a: [{ b: 2 }] });
  expect(() => withValueAt({ a: [1] }, parsePath('a[2]'), 2)).toThrow('a is a list of 1: it has no 2');
  expect(() => withValueAt({ a: [1] }, parsePath('a.b'), 2)).toThrow('a is a list of 1: it has no b');
});

test('the path that a sentence begins with', () => {
  const of = (sentence: string): string | undefined => {
    const path = leadingPath(sentence);
    return path && formatPath(path);
  };
  expect(of('teacher.model.layers[0] (conv2d): it does not fit')).toBe('teacher.model.layers[0]');
  expect(of("data.table.columns['a b'].category is 3")).toBe("data.table.columns['a b'].category");
  expect(of('loss is "mean"')).toBe('loss');
  expect(of('data.large: it is empty')).toBe('data.large');
  expect(of('"a..b" is not a path')).toBeUndefined();
  expect(of('a..b is not a path')).toBeUndefined();
  fc.assert(
    fc.property(pathArbitrary, (path) => {
      expect(leadingPath(`${formatPath(['data', ...path])} is wrong`)).toEqual(['data', ...path]);
    }),
  );
});

test.each(inherited)('%s is refused, read from text or not, and no prototype changes', (key) => {
  for (const path of [
    [key, 'polluted'],
    ['a', key, 'polluted'],
  ]) {
    expect(() => parsePath(formatPath(path))).toThrow(expect.objectContaining({ code: 'RECIPE_INVALID' }));
    expect(() => withValueAt({ a: {} }, path, true)).toThrow(expect.objectContaining({ code: 'RECIPE_INVALID' }));
    expect(valueAt({ a: {} }, path)).toBeUndefined();
  }
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
