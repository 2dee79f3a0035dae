// The addresses of a coordinator and of a worker, as people write them.
import { StillhouseError } from '@stillhouse/core';
import { addressIn, type MeshWish } from '@stillhouse/worker/light';
import { localAddresses } from './local-addresses.js';

const hostAndPort = /^(\[[0-9a-f:.]+\]|[^:/[\]\s]+):\d{1,5}$/i;

/** Undefined if the text is neither a URL of WebSocket nor HOST:PORT, which is short for ws://HOST:PORT. */
function urlOf(text: string): URL | undefined {
  const url = hostAndPort.test(text) ? `ws://${text}` : text;
  return /^wss?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : undefined;
}

/**
 * HOST:PORT is short for ws://HOST:PORT.
 * @throws StillhouseError USAGE
 */
export function coordinatorUrl(text: string): string {
  if (urlOf(text)) return hostAndPort.test(text) ? `ws://${text}` : text;
  throw new StillhouseError('USAGE', `${text} is not the address of a coordinator`, {
    next: 'Give HOST:PORT or ws://HOST:PORT, as the coordinator printed it.',
  });
}

/** HOST:PORT, which may be given as ws://HOST:PORT. */
function hostPortOf(text: string, option: string): string {
  const address = /^(?:ws:\/\/)?(.*?)\/?$/.exec(text)![1];
  if (hostAndPort.test(address) && urlOf(address)) return address;
  throw new StillhouseError('USAGE', `${text} is not an address at which workers can reach this one`, {
    next: `Give ${option} HOST:PORT, with port 0 for any free one.`,
  });
}

export interface MeshOptions {
  readonly network?: string | undefined;
  readonly meshListen?: string | undefined;
  readonly meshAdvertise?: string | undefined;
}

/**
 * Where other workers reach one on this machine, as its options say.
 * @throws StillhouseError USAGE, NETWORK_MISSING
 */
export function meshWish({ network, meshListen, meshAdvertise }: MeshOptions): MeshWish {
  if (network !== undefined && meshListen !== undefined)
    throw new StillhouseError('USAGE', 'a worker listens on --network or at --mesh-listen, not both', {
      next: 'Leave one of them out.',
    });
  // A worker that finds this out after it has joined would end the run.
  if (network !== undefined) addressIn(network, localAddresses());
  return {
    ...(network === undefined ? {} : { network }),
    ...(meshListen === undefined ? {} : { listen: hostPortOf(meshListen, '--mesh-listen') }),
    ...(meshAdvertise === undefined ? {} : { advertise: hostPortOf(meshAdvertise, '--mesh-advertise') }),
  };
}
