// Where a worker listens, and at which addresses others may reach it.
import { describe, expect, test } from 'vitest';
import { addressIn, meshPlan, type LocalAddress, type MeshWish } from './mesh-addresses.js';

const local = (network: string, host: string): LocalAddress => ({ network, host, isInternal: network === 'lo' });
const locals = [
  local('lo', '127.0.0.1'),
  local('eth0', '10.0.0.2'),
  local('eth1', '10.1.0.2'),
  local('eth2', '169.254.7.7'),
  local('lo', '::1'),
  local('eth0', 'fd00::2'),
  local('eth1', 'fe80::2'),
];

/** Where it listens, and where it is reached if it then listens on port 4123. */
function planned(wish: MeshWish, from = '10.0.0.2', known = locals) {
  const { listen, reachAt } = meshPlan(wish, known, from);
  return { listen, ...reachAt(`ws://${listen.replace(/:0$/, ':4123')}`) };
}

describe('without a wish', () => {
  test('all addresses of the machine, first the one that reaches the coordinator', () => {
    expect(planned({}, '10.1.0.2')).toEqual({
      listen: '0.0.0.0:0',
      meshAddress: 'ws://10.1.0.2:4123',
      alternatives: ['ws://10.0.0.2:4123'],
    });
    expect(planned({}, 'fd00::2')).toEqual({ listen: '[::]:0', meshAddress: 'ws://[fd00::2]:4123' });
  });

  test('only the loopback if the coordinator is reached there', () => {
    expect(planned({}, '127.0.0.1')).toEqual({ listen: '127.0.0.1:0', meshAddress: 'ws://127.0.0.1:4123' });
    expect(planned({}, '::1')).toEqual({ listen: '[::1]:0', meshAddress: 'ws://[::1]:4123' });
  });

  test('a bounded number of addresses', () => {
    const many = Array.from({ length: 100 }, (_, i) => local(`eth${i}`, `10.0.${i}.2`));
    expect(planned({}, '10.0.0.2', many).alternatives).toHaveLength(8);
  });
});

test('a network by its name or its range: only its address, and only there', () => {
  const expected = { listen: '10.1.0.2:0', meshAddress: 'ws://10.1.0.2:4123' };
  expect(planned({ network: 'eth1' })).toEqual(expected);
  expect(planned({ network: '10.1.0.0/16' })).toEqual(expected);
  expect(planned({ network: 'fd00::/8' })).toEqual({ listen: '[fd00::2]:0', meshAddress: 'ws://[fd00::2]:4123' });
});

test.each(['eth9', '10.2.0.0/16', '10.0.0.0/99', '10.0.0.0/8/8', 'fd01::/16', '/'])(
  'there is no network %s',
  (network) => {
    expect(() => addressIn(network, locals)).toThrow(
      expect.objectContaining({ code: 'NETWORK_MISSING', message: expect.stringContaining('10.1.0.2 (eth1)') }),
    );
  },
);

test('an address to listen on, and another one that leads there', () => {
  expect(planned({ listen: '10.1.0.2:7434' })).toEqual({ listen: '10.1.0.2:7434', meshAddress: 'ws://10.1.0.2:7434' });
  expect(planned({ listen: '0.0.0.0:7434' })).toEqual({
    listen: '0.0.0.0:7434',
    meshAddress: 'ws://10.0.0.2:7434',
    alternatives: ['ws://10.1.0.2:7434'],
  });
  expect(planned({ listen: '0.0.0.0:7434', advertise: 'gate.example:9000' })).toEqual({
    listen: '0.0.0.0:7434',
    meshAddress: 'ws://gate.example:9000',
  });
  expect(planned({ advertise: 'gate.example:0' }).meshAddress).toBe('ws://gate.example:4123');
});
