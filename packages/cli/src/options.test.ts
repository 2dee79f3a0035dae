import { expect, test } from 'vitest';
import { parseAxis, setOption } from './options.js';

const set = (text: string): unknown => setOption().parseArg!(text, {} as never);

test('values are YAML', () => {
  expect(set('teacher.epochs=3')).toEqual({ 'teacher.epochs': 3 });
  expect(set('a.b={c: [1, x], d: null}')).toEqual({ 'a.b': { c: [1, 'x'], d: null } });
  expect(parseAxis('a.b=1, 10', [])).toEqual([{ path: 'a.b', values: [1, 10] }]);
});

test.each(['[', '{a: 1', '"open', '*nowhere', 'a: b: c'])('a value that is not YAML is refused: %s', (value) => {
  const refusal = (option: string): unknown =>
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(`${option} has a value that is not`) });
  expect(() => set(`teacher.epochs=${value}`)).toThrow(refusal(`--set teacher.epochs=${value}`));
  expect(() => parseAxis(`teacher.epochs=${value}`, [])).toThrow(refusal(`--vary teacher.epochs=${value}`));
});
