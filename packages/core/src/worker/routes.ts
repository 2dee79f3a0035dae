// Which of a worker's addresses others use: the one over which bytes travel fastest.
import { formatBitRate, formatMs } from '../format/number-text.js';
import type { Route } from '../wire/messages.js';

/** An address that was reached, over which interface, and what was measured there. */
export interface MeasuredAddress {
  readonly address: string;
  readonly network?: string | undefined;
  readonly bytesPerSecond: number;
  readonly latencyMs: number;
}

/** Bandwidths that differ by less than this share are taken for equal: measurements vary. */
const noise = 0.2;

/**
 * The address with the highest bandwidth; of those that are nearly as fast the one with the lowest latency, if that is
 * clearly lower, or else the first one.
 * @param reached in order of preference; not empty
 */
export function chooseRoute(reached: readonly MeasuredAddress[]): MeasuredAddress {
  const fastest = Math.max(...reached.map(({ bytesPerSecond }) => bytesPerSecond));
  const fast = reached.filter(({ bytesPerSecond }) => bytesPerSecond >= fastest * (1 - noise));
  const nearest = Math.min(...fast.map(({ latencyMs }) => latencyMs));
  return fast.find(({ latencyMs }) => latencyMs * (1 - noise) <= nearest)!;
}

/** Such as: 10.0.0.2:4123 over eth1, 9.4 Gbit/s, 0.1 ms. */
export function routeText({ address, network, bytesPerSecond, latencyMs }: Route): string {
  const over = network === undefined ? '' : ` over ${network}`;
  const measured =
    bytesPerSecond === undefined || latencyMs === undefined
      ? ''
      : `, ${formatBitRate(bytesPerSecond)}, ${formatMs(latencyMs)}`;
  return `${address.replace(/^ws:\/\//, '')}${over}${measured}`;
}
