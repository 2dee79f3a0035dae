// Which of a worker's addresses others use: the one over which bytes travel fastest, until a link over it breaks.
import { formatBitRate, formatMs } from '../format/number-text.js';
import type { Member, Reach, Route } from '../wire/messages.js';
import { send, type Transition, type WorkerEffect, type WorkerEvent, type WorkerState } from './state.js';

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

/** Notes and reports how other members are reached. Loopback is not worth a word. */
export function withRoutes(state: WorkerState, peers: readonly Member[], routes: readonly Route[]): Transition {
  const chosen = peers.flatMap(({ workerId }, index) => {
    const route = routes[index]!;
    return route.network === undefined ? [] : [{ workerId, route }];
  });
  if (chosen.length === 0) return { state, effects: [] };
  const next = { ...state, routes: chosen };
  return { state: next, effects: tellRoutes(next) };
}

export const tellRoutes = ({ link, routes }: WorkerState): WorkerEffect[] =>
  link === 'up' && routes.length > 0 ? [send({ type: 'reached', routes })] : [];

/**
 * Whether a link that broke puts its way in doubt. Once another generation has been announced it does not: others cut
 * the links of the one before.
 */
export const forgetRoute = ({ generation }: WorkerState, lost: WorkerEvent & { type: 'peerLost' }): WorkerEffect[] =>
  lost.meshAddress !== undefined && lost.generation === generation
    ? [{ type: 'forgetRoute', meshAddress: lost.meshAddress }]
    : [];

const shown = (address: string): string => address.replace(/^ws:\/\//, '');

/** Which address of a worker is used that was not reached in time at any of them, and why. */
export function unmeasuredText({ meshAddress, alternatives = [] }: Reach, reason: string): string {
  const tried = [meshAddress, ...alternatives].map(shown);
  return `a worker was not reached at ${tried.join(' or ')} (${reason}); ${tried[0]}, which names it, is used`;
}

/** Such as: 10.0.0.2:4123 over eth1, 9.4 Gbit/s, 0.1 ms. */
export function routeText({ address, network, bytesPerSecond, latencyMs }: Route): string {
  const over = network === undefined ? '' : ` over ${network}`;
  const measured =
    bytesPerSecond === undefined || latencyMs === undefined
      ? ''
      : `, ${formatBitRate(bytesPerSecond)}, ${formatMs(latencyMs)}`;
  return `${shown(address)}${over}${measured}`;
}
