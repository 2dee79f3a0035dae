import { expect, test } from 'vitest';
import { externalFiles } from './onnx-external-data.js';

/** A field of protobuf: its number, then a number, a text or a message. */
function field(number: number, value: number | string | Uint8Array): Uint8Array {
  if (typeof value === 'number') return Uint8Array.of(number * 8, value);
  const content = Buffer.from(value as string);
  return Buffer.concat([
    Buffer.of((number % 16) * 8 + 2 + (number > 15 ? 128 : 0), ...(number > 15 ? [1] : [])),
    Buffer.of(content.length),
    content,
  ]);
}
const message = (...fields: Uint8Array[]): Uint8Array => Buffer.concat(fields);
const entry = (key: string, value: string): Uint8Array => field(13, message(field(1, key), field(2, value)));
const outside = (path: string): Uint8Array =>
  message(field(1, 3), field(8, 'W'), entry('offset', '0'), entry('location', path), field(14, 1));
const graph = (...fields: Uint8Array[]): Uint8Array => message(field(1, 8), field(7, message(...fields)));

test('weights in the file itself', () => {
  expect([...externalFiles(graph(field(5, message(field(1, 3), field(8, 'location'), field(9, 'data')))))]).toEqual([]);
});

test('weights in other files: of the model, of a node, of a graph within a node, of a function', () => {
  expect([
    ...externalFiles(graph(field(5, outside('a.data')), field(5, outside('a.data')), field(5, outside('b')))),
  ]).toEqual(['a.data', 'b']);
  const node = (attribute: Uint8Array): Uint8Array => message(field(4, 'If'), field(5, attribute));
  expect([...externalFiles(graph(field(1, node(message(field(5, outside('tensor')))))))]).toEqual(['tensor']);
  const inner = message(field(5, outside('inner')));
  expect([...externalFiles(graph(field(1, node(message(field(6, inner))))))]).toEqual(['inner']);
  expect([...externalFiles(graph(field(15, message(field(1, outside('sparse'))))))]).toEqual(['sparse']);
  expect([...externalFiles(field(25, message(field(7, node(message(field(10, outside('function'))))))))]).toEqual([
    'function',
  ]);
});

test.each(['not protobuf', '\u007f', '\u003a\u0009abc'])('what is not protobuf is refused: %j', (text) => {
  expect(() => externalFiles(Buffer.from(text))).toThrow('protobuf');
});
