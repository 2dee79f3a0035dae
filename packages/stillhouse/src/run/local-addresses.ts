// The addresses of this machine, with the interfaces that have them.
import { networkInterfaces } from 'node:os';
import type { LocalAddress } from '@stillhouse/worker/light';

/** IPv4 first: names of interfaces mean their IPv4 addresses, if they have any. */
export function localAddresses(): LocalAddress[] {
  const all = Object.entries(networkInterfaces()).flatMap(([network, addresses = []]) =>
    addresses.map(({ address: host, internal: isInternal, family }) => ({ network, host, isInternal, family })),
  );
  return all
    .toSorted((a, b) => a.family.localeCompare(b.family))
    .map(({ network, host, isInternal }) => ({ network, host, isInternal }));
}
