// The address of a coordinator, as people write it.
import { StillhouseError } from '@stillhouse/core';

const hostAndPort = /^(\[[0-9a-f:.]+\]|[^:/[\]\s]+):\d{1,5}$/i;

/**
 * HOST:PORT is short for ws://HOST:PORT.
 * @throws StillhouseError USAGE
 */
export function coordinatorUrl(text: string): string {
  const url = hostAndPort.test(text) ? `ws://${text}` : text;
  if (/^wss?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new StillhouseError('USAGE', `${text} is not the address of a coordinator`, {
    next: 'Give HOST:PORT or ws://HOST:PORT, as the coordinator printed it.',
  });
}
