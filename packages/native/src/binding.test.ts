import { expect, test } from 'vitest';
import { abseilVersionIn, librariesToLoad } from './binding.js';

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

test('the release of Abseil by which a library logs is part of the names of its functions', () => {
  const functions = (...names: string[]): Buffer => Buffer.from(`\x7fELF\0${names.join('\0')}\0`);
  const scope = '_ZN4absl12lts_2025081412log_internal';
  const wanted = `${scope}13WriteToStderrESt17basic_string_viewIcSt11char_traitsIcEENS0_11LogSeverityE`;
  const other = `${scope}17RawSetMinLogLevelENS0_18LogSeverityAtLeastE`;
  expect(abseilVersionIn(functions('TF_Version', other, wanted, 'TF_NewGraph'))).toBe('lts_20250814');
  expect(abseilVersionIn(functions(wanted))).toBe('lts_20250814');
  expect(abseilVersionIn(functions('TF_Version', other))).toBeUndefined();
  expect(abseilVersionIn(Buffer.alloc(0))).toBeUndefined();
});
