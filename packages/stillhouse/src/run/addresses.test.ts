// Addresses as people write them.
import { describe, expect, test } from 'vitest';
import { coordinatorUrl, meshWish } from './addresses.js';

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
    expect(meshWish({ meshListen: text, meshAdvertise: text })).toEqual({ listen: address, advertise: address });
  });

  test.each(['host', '7434', ':7434', '::1', 'wss://host:7434', 'http://host:1', 'host:70000', 'ws://host/path', ''])(
    '%j is refused',
    (text) => {
      expect(() => meshWish({ meshListen: text })).toThrow(refusal);
      expect(() => meshWish({ meshAdvertise: text })).toThrow(refusal);
    },
  );

  test('a network is looked for on this machine before anyone is joined', () => {
    expect(meshWish({ network: '127.0.0.0/8' })).toEqual({ network: '127.0.0.0/8' });
    expect(() => meshWish({ network: '203.0.113.0/24' })).toThrow(expect.objectContaining({ code: 'NETWORK_MISSING' }));
    expect(() => meshWish({ network: '127.0.0.0/8', meshListen: 'localhost:0' })).toThrow(/not both/);
  });
});
