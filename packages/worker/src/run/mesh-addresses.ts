// Where a worker listens for others, and at which addresses they may reach it, from what the user wants and what
// networks this machine has.
import { BlockList, isIPv6 } from 'node:net';
import { limits, StillhouseError } from '@stillhouse/core';
import type { Reach } from '@stillhouse/core/cluster';

/** An address of this machine, as `os.networkInterfaces()` describes it. */
export interface LocalAddress {
  /** Name of the interface, such as eth0. */
  readonly network: string;
  readonly host: string;
  /** Whether no other machine reaches it. */
  readonly isInternal: boolean;
}

export interface MeshWish {
  /** Name of an interface, or a range of addresses such as 10.0.0.0/16. */
  readonly network?: string | undefined;
  /** HOST:PORT to listen on. */
  readonly listen?: string | undefined;
  /** HOST:PORT at which other workers reach this one, if that is not where it listens. */
  readonly advertise?: string | undefined;
}

const hostPort = (host: string, port: number | string): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`;

function split(address: string): { host: string; port: string } {
  const [, host, port] = /^(?:ws:\/\/)?\[?([^\]]*?)\]?:(\d+)$/.exec(address)!;
  return { host, port };
}

/** Addresses that stand for all addresses of a machine. */
const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** @param address a host, or a host and a port */
export const isLoopback = (address: string): boolean =>
  address === '::1' || /^(ws:\/\/)?(\[::1\]|localhost(:|$)|127\.)/.test(address);

/** Only a machine itself knows what it means: another one may have it, too. */
const isLinkLocal = (host: string): boolean => /^(fe[89ab].*:|169\.254\.)/i.test(host);

/** @returns whether an address belongs to a network; undefined if its name is no range of addresses */
function isIn(range: string): ((host: string) => boolean) | undefined {
  const [base, prefix, ...rest] = range.split('/');
  if (prefix === undefined || rest.length > 0 || !/^\d{1,3}$/.test(prefix)) return undefined;
  const list = new BlockList();
  const family = (host: string): 'ipv6' | 'ipv4' => (isIPv6(host) ? 'ipv6' : 'ipv4');
  try {
    list.addSubnet(base, Number(prefix), family(base));
  } catch {
    return undefined;
  }
  return (host) => list.check(host, family(host));
}

/**
 * The first address of this machine in a network.
 * @param network name of an interface, or a range of addresses
 * @throws StillhouseError NETWORK_MISSING
 */
export function addressIn(network: string, locals: readonly LocalAddress[]): LocalAddress {
  const inRange = isIn(network);
  const found = locals.find(({ network: name, host }) => (inRange ? inRange(host) : name === network));
  if (found) return found;
  const known = locals.map(({ network: name, host }) => `${host} (${name})`).join(', ');
  throw new StillhouseError('NETWORK_MISSING', `this machine has no address in ${network}; it has ${known}`);
}

export interface MeshPlan {
  /** HOST:PORT to listen on; port 0 takes any free one. */
  readonly listen: string;
  /** Where others reach this worker, once it listens at an address, in the transport's notation. */
  readonly reachAt: (address: string) => Reach;
}

/**
 * Without a wish, a worker that reaches its coordinator on the same machine is reached there only; any other listens on
 * all addresses of the machine, and the one from which it reaches the coordinator comes first.
 * @param from the address of this machine from which it reaches the coordinator
 * @throws StillhouseError NETWORK_MISSING
 */
export function meshPlan(wish: MeshWish, locals: readonly LocalAddress[], from: string): MeshPlan {
  const { network, advertise } = wish;
  const all = from.includes(':') ? '::' : '0.0.0.0';
  const { host, port } = split(
    wish.listen ??
      hostPort(
        network === undefined
          ? isLoopback(from) || locals.length === 0
            ? from
            : all
          : addressIn(network, locals).host,
        0,
      ),
  );
  const others = locals
    .filter((local) => !local.isInternal && !isLinkLocal(local.host) && isIPv6(local.host) === (host === '::'))
    .map((local) => local.host)
    .filter((other) => other !== from);
  const hosts = [from, ...others.slice(0, limits.meshAlternatives)];
  return {
    listen: hostPort(host, port),
    reachAt(address) {
      const listening = /:(\d+)$/.exec(address)![1];
      if (advertise !== undefined) {
        const { host: outside, port: outsidePort } = split(advertise);
        return { meshAddress: `ws://${hostPort(outside, outsidePort === '0' ? listening : outsidePort)}` };
      }
      if (!isWildcard(host)) return { meshAddress: address };
      const [meshAddress, ...alternatives] = hosts.map((each) => `ws://${hostPort(each, listening)}`);
      return { meshAddress, ...(alternatives.length > 0 ? { alternatives } : {}) };
    },
  };
}
