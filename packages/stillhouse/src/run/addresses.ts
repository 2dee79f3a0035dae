// The addresses of a coordinator and of a worker, as people write them.
import { StillhouseError } from '@stillhouse/core';

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

/**
 * HOST:PORT of an address to listen on, which may be given as ws://HOST:PORT.
 * @throws StillhouseError USAGE
 */
export function meshAddressOf(text: string): string {
  const address = /^(?:ws:\/\/)?(.*?)\/?$/.exec(text)![1];
  if (hostAndPort.test(address) && urlOf(address)) return address;
  throw new StillhouseError('USAGE', `${text} is not an address at which workers can reach this one`, {
    next: 'Give --mesh HOST:PORT or ws://HOST:PORT with an address of this machine, and port 0 for any free one.',
  });
}
