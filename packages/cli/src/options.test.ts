import { expect, test } from 'vitest';
import { parseAxis, setOption } from './options.js';

const set = (text: string): unknown => setOption().parseArg!(text, {} as never);

test('values are YAML', () => {
  expect(set('teacher.epochs=3')).toEqual({ 'teacher.epochs': 3 });
  expect(set('a.b={c: [1, x], d: null}')).toEqual({ 'a.b': { c: [1, 'x'], d: null } });
  expect(parseAxis('a.b=1, 10', [])).toEqual([{ path: 'a.b', values: [1, 10] }]);
});

test.each(['[', '{a: 1', '"open', '*nowhere', 'a: b: c', '&a [*a]', '&a {b: [*a]}'])(
  'a value that is not YAML is refused: %s',
  (value) => {
    const refusal = (option: string): unknown =>
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(`${option} has a value that is not`) });
    expect(() => set(`teacher.epochs=${value}`)).toThrow(refusal(`--set teacher.epochs=${value}`));
    expect(() => parseAxis(`teacher.epochs=${value}`, [])).toThrow(refusal(`--vary teacher.epochs=${value}`));
  },
);

test.each(['', ' '])('no value is not taken for null, which removes a key: %j', (value) => {
  expect(() => set(`teacher.epochs=${value}`)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('has no value') }),
  );
  expect(set('teacher.epochs=null')).toEqual({ 'teacher.epochs': null });
  expect(set("name=''")).toEqual({ name: '' });
});

test('a value of an axis that is given twice is refused: its runs would count twice', () => {
  for (const text of ['a.b=1,2,1', 'a.b=[1, 1.0]', 'a.b=[[x, y], [x, y]]'])
    expect(() => parseAxis(text, [])).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(/has the value .* twice$/) }),
    );
  expect(parseAxis("a.b=[1, '1']", [])).toEqual([{ path: 'a.b', values: [1, '1'] }]);
});
