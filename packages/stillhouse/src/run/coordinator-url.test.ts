// Addresses as people write them.
import { expect, test } from 'vitest';
import { coordinatorUrl } from './coordinator-url.js';

test.each([
  ['10.0.0.5:7433', 'ws://10.0.0.5:7433'],
  ['localhost:7433', 'ws://localhost:7433'],
  ['[::1]:7433', 'ws://[::1]:7433'],
  ['ws://host:7433', 'ws://host:7433'],
  ['wss://host/path', 'wss://host/path'],
])('%s stands for %s', (text, url) => {
  expect(coordinatorUrl(text)).toBe(url);
});

test.each(['host', 'http://host:7433', 'host:70000', '::1:7433', 'host:', 'ws://', ''])('%j is refused', (text) => {
  expect(() => coordinatorUrl(text)).toThrow(
    expect.objectContaining({ code: 'USAGE', next: expect.stringContaining('HOST:PORT') }),
  );
});
