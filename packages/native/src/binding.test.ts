import { expect, test } from 'vitest';
import { librariesToLoad } from './binding.js';

test('of copies of one library, one is loaded: two would register everything twice', () => {
  expect(
    librariesToLoad([
      'libtensorflow_cc.so',
      'libtensorflow_cc.so.2',
      'libtensorflow_cc.so.2.21.0',
      'libtensorflow_framework.so.2',
    ]),
  ).toEqual(['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']);
  expect(librariesToLoad(['libtensorflow_cc.so', 'libtensorflow_framework.so'])).toEqual([
    'libtensorflow_cc.so',
    'libtensorflow_framework.so',
  ]);
});
