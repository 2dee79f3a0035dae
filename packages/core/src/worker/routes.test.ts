// Which of several addresses is used, and what is said of it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseRoute, routeText, unmeasuredText, type MeasuredAddress } from './routes.js';

const measured = (address: string, bytesPerSecond: number, latencyMs: number): MeasuredAddress => ({
  address,
  bytesPerSecond,
  latencyMs,
});

test('the fastest; of equally fast ones the nearest, or else the first', () => {
  expect(chooseRoute([measured('slow', 1e7, 0.1), measured('fast', 1e9, 0.5)]).address).toBe('fast');
  expect(chooseRoute([measured('far', 1e9, 5), measured('near', 9.5e8, 0.1)]).address).toBe('near');
  expect(chooseRoute([measured('first', 9.5e8, 0.11), measured('second', 1e9, 0.1)]).address).toBe('first');
});

test('no other address is much faster, nor as fast and much nearer', () => {
  const address = fc.record({
    address: fc.string(),
    bytesPerSecond: fc.double({ min: 1, max: 1e11, noNaN: true }),
    latencyMs: fc.double({ min: 0, max: 1e3, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(address, { minLength: 1, maxLength: 10 }), (reached) => {
      const chosen = chooseRoute(reached);
      for (const { bytesPerSecond, latencyMs } of reached) {
        expect(bytesPerSecond).toBeLessThanOrEqual(chosen.bytesPerSecond * 1.26);
        if (bytesPerSecond >= chosen.bytesPerSecond * 1.26) expect(latencyMs).toBeGreaterThanOrEqual(chosen.latencyMs);
      }
    }),
  );
});

test('what is known of it is said', () => {
  const route = { address: 'ws://10.0.0.2:4123', network: 'eth1', bytesPerSecond: 1.175e9, latencyMs: 0.1 };
  expect(routeText(route)).toBe('10.0.0.2:4123 over eth1, 9.4 Gbit/s, 0.100 ms');
  expect(routeText({ address: 'ws://10.0.0.2:4123', network: 'eth1' })).toBe('10.0.0.2:4123 over eth1');
});

test('what is used instead of an address that was measured is said with the reason', () => {
  const named = 'ws://10.0.0.2:4123';
  expect(unmeasuredText({ meshAddress: named, alternatives: ['ws://192.168.0.2:4123'] }, 'no answer within 1 s')).toBe(
    'a worker was not reached at 10.0.0.2:4123 or 192.168.0.2:4123 (no answer within 1 s); ' +
      '10.0.0.2:4123, which names it, is used',
  );
});
