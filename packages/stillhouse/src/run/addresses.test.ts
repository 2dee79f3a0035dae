// Addresses as people write them.
import { describe, expect, test } from 'vitest';
import { coordinatorUrl, meshAddressOf } from './addresses.js';

const refusal = expect.objectContaining({ code: 'USAGE', next: expect.stringContaining('HOST:PORT') });

describe('of a coordinator', () => {
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
    expect(() => coordinatorUrl(text)).toThrow(refusal);
  });
});

describe('of a worker, for other workers', () => {
  test.each([
    ['10.0.0.6:7434', '10.0.0.6:7434'],
    ['localhost:0', 'localhost:0'],
    ['[::1]:7434', '[::1]:7434'],
    ['ws://10.0.0.6:7434', '10.0.0.6:7434'],
    ['ws://[fd00::2]:7434/', '[fd00::2]:7434'],
  ])('%s stands for %s', (text, address) => {
    expect(meshAddressOf(text)).toBe(address);
  });

  test.each(['host', '7434', ':7434', '::1', 'wss://host:7434', 'http://host:1', 'host:70000', 'ws://host/path', ''])(
    '%j is refused',
    (text) => {
      expect(() => meshAddressOf(text)).toThrow(refusal);
    },
  );
});
