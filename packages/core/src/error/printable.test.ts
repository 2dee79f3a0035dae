// What a terminal would obey is shown instead.
import { expect, test } from 'vitest';
import { isPrintable, printableLine, printableText } from './printable.js';

test('control characters and characters that reorder text are escaped, everything else stays', () => {
  expect(printableLine('\u001b[2Jhöst 日本 🙂\r\n\u202eabc\u0000')).toBe(
    '\\u{1b}[2Jhöst 日本 🙂\\u{d}\\u{a}\\u{202e}abc\\u{0}',
  );
  expect(printableText('at x\n\tat y\u0007', 100)).toBe('at x\n\tat y\\u{7}');
  expect(printableLine('\ud800')).toBe('\\u{d800}');
  expect(['gpu-7.example', 'Zoë’s machine'].every(isPrintable)).toBe(true);
  expect(['a\nb', 'a\u009bb', 'a\u200bb'].some(isPrintable)).toBe(false);
});

test('what is too long is cut, and shows it', () => {
  expect(printableLine('x'.repeat(400))).toBe(`${'x'.repeat(299)}…`);
});
