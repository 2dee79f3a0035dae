// Over which of its addresses another worker is reached: those that work are measured once, and the fastest is used.
import pLimit from 'p-limit';
import { limits, messageOf } from '@stillhouse/core';
import {
  chooseRoute,
  decodeMeasureAnswer,
  decodeMeasureQuestion,
  encodeMessage,
  type Clock,
  type Link,
  type MeasuredAddress,
  type MeasureAnswer,
  type MeasureQuestion,
  type MeshHello,
  type Reach,
  type Route,
  type Transport,
  unmeasuredText,
} from '@stillhouse/core/cluster';
import { isLoopback, type LocalAddress } from './mesh-addresses.js';

export interface RoutesOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Token for links between workers of the run. */
  readonly token: string;
  /** Addresses of this machine; nothing is measured if they are not known. */
  readonly locals: readonly LocalAddress[];
  readonly log: (message: string) => void;
}

/** A part of an answer, as long as a chunk of a gradient; nothing depends on what is in it. */
const partBytes = 4 * limits.chunkFloats;
let nothing: Uint8Array | undefined;

/**
 * Sends another worker as many bytes as it requests, up to a bound.
 * @param meshAddress names this worker: an address may lead to another one than the asker expects
 */
export function serveMeasure(link: Link, meshAddress: string): void {
  link.admit({ frameBytes: limits.helloBytes, queuedBytes: limits.measuredBytes });
  let left = 4 * limits.measuredBytes;
  link.onFrame((frame) => {
    let length: number;
    try {
      ({ length } = decodeMeasureQuestion(frame));
    } catch (error) {
      return link.close(messageOf(error));
    }
    left -= length + limits.helloBytes;
    if (left < 0) return link.close('too many bytes are requested');
    nothing ??= new Uint8Array(partBytes);
    do {
      const bytes = nothing.subarray(0, length);
      link.send(...encodeMessage({ type: 'measured', meshAddress, bytes } satisfies MeasureAnswer));
      length -= bytes.byteLength;
    } while (length > 0);
  });
}

export class Routes {
  readonly #known = new Map<string, Promise<Route>>();
  readonly #atOnce = pLimit(limits.measuredAtOnce);

  constructor(private readonly options: RoutesOptions) {}

  /** How a worker is reached; measured once, if it is not on this machine's loopback. */
  to(peer: Reach): Promise<Route> {
    const { meshAddress } = peer;
    const { locals } = this.options;
    const known = this.#known.get(meshAddress);
    if (known) return known;
    if (locals.length === 0 || isLoopback(meshAddress)) return Promise.resolve({ address: meshAddress });
    const isMeasured = this.#known.size < limits.measuredPeers;
    const found = this.#atOnce(() => (isMeasured ? this.measure(peer) : this.#first(peer)));
    this.#known.set(meshAddress, found);
    // An address that cannot be reached now is tried again.
    found.catch(() => this.#known.delete(meshAddress));
    return found;
  }

  /** How each of these workers is reached; the attempt to link shows which cannot be. Forgets all others. */
  async toAll(peers: readonly Reach[]): Promise<Route[]> {
    const wanted = new Set(peers.map(({ meshAddress }) => meshAddress));
    for (const known of this.#known.keys()) if (!wanted.has(known)) this.#known.delete(known);
    return Promise.all(peers.map((peer) => this.orNamed(peer)));
  }

  /** The same, and for a worker that is not reached in time the address that names it. */
  async orNamed(peer: Reach): Promise<Route> {
    return this.to(peer).catch((error: unknown) => {
      this.options.log(unmeasuredText(peer, messageOf(error)));
      return { address: peer.meshAddress };
    });
  }

  /** The next time its addresses are tried again. */
  forget(meshAddress: string): void {
    this.#known.delete(meshAddress);
  }

  /**
   * Measures all addresses of a worker that can be reached.
   * @throws StillhouseError COORDINATOR_UNREACHABLE if there is none
   */
  async measure(peer: Reach): Promise<Route> {
    const links = await this.#open(peer);
    const measured: MeasuredAddress[] = [];
    let failure: unknown;
    // One after the other: they may share a wire.
    for (const { address, link } of links) {
      try {
        const figures = await this.#within(limits.measureMs, this.#measure(link, peer.meshAddress));
        measured.push({ address, network: this.#networkOf(link), ...figures });
      } catch (error) {
        failure = error;
      } finally {
        link.abort();
      }
    }
    if (measured.length === 0) throw failure;
    return chooseRoute(measured);
  }

  /** Nothing is measured: the first address that leads to the worker. */
  async #first(peer: Reach): Promise<Route> {
    const links = await this.#open(peer);
    let failure: unknown;
    try {
      for (const { address, link } of links) {
        try {
          await this.#ask(link, peer.meshAddress)(0);
          return { address, network: this.#networkOf(link) };
        } catch (error) {
          failure = error;
        }
      }
    } finally {
      for (const { link } of links) link.abort();
    }
    throw failure;
  }

  /** Links over all addresses that can be reached, in the order in which they were given. */
  async #open({ meshAddress, alternatives = [] }: Reach): Promise<{ address: string; link: Link }[]> {
    const { transport, token } = this.options;
    let isLate = false;
    const opened: { address: string; link: Link }[] = [];
    const addresses = [meshAddress, ...alternatives];
    const opening = addresses.map(async (address) => {
      const link = await transport.connect(address);
      if (isLate) return link.abort();
      link.send(...encodeMessage({ token, measures: true } satisfies MeshHello));
      opened.push({ address, link });
    });
    try {
      // Throws if there is none; one that cannot be reached must not hold up the attempt to link, which reports it.
      await this.#within(limits.routeMs, Promise.any(opening));
    } catch (error) {
      isLate = true;
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
    await this.#within(limits.routeMs, Promise.allSettled(opening)).catch(() => {});
    isLate = true;
    return opened.toSorted((a, b) => addresses.indexOf(a.address) - addresses.indexOf(b.address));
  }

  /** @returns a function that requests bytes, and resolves when they are there */
  #ask(link: Link, meshAddress: string): (length: number) => Promise<void> {
    let missing = 0;
    let answered: { resolve: () => void; reject: (error: Error) => void } | undefined;
    let closed: Error | undefined;
    link.onClose((reason) => {
      closed = new Error(reason || 'the connection closed');
      answered?.reject(closed);
    });
    link.onFrame((frame) => {
      try {
        const answer = decodeMeasureAnswer(frame);
        if (answer.meshAddress !== meshAddress) throw new Error('another worker answers');
        missing -= answer.bytes.byteLength;
        if (missing <= 0) answered?.resolve();
      } catch (error) {
        answered?.reject(error as Error);
      }
    });
    return (length) => {
      if (closed) return Promise.reject(closed);
      missing = length;
      const answer = new Promise<void>((resolve, reject) => (answered = { resolve, reject }));
      link.send(...encodeMessage({ type: 'measure', length } satisfies MeasureQuestion));
      return this.#within(limits.measureMs, answer);
    };
  }

  async #measure(link: Link, meshAddress: string): Promise<{ bytesPerSecond: number; latencyMs: number }> {
    const { clock } = this.options;
    const ask = this.#ask(link, meshAddress);
    const timed = async (length: number): Promise<number> => {
      const startedMs = clock.now();
      await ask(length);
      return clock.now() - startedMs;
    };
    let latencyMs = Infinity;
    for (let tries = 0; tries < limits.latencyTries; tries++) latencyMs = Math.min(latencyMs, await timed(0));
    for (let length: number = limits.firstMeasuredBytes; ; length = Math.min(limits.measuredBytes, 4 * length)) {
      // A link that does not carry this in time carries less.
      const ms = await timed(length).catch(() => limits.measureMs);
      if (ms >= limits.bandwidthMs || length === limits.measuredBytes)
        return { bytesPerSecond: (1000 * length) / Math.max(ms - latencyMs, 0.001), latencyMs };
    }
  }

  /** Name of the interface that a link uses here. */
  #networkOf({ localHost }: Link): string | undefined {
    return this.options.locals.find(({ host }) => host === localHost)?.network;
  }

  async #within<Value>(ms: number, promise: Promise<Value>): Promise<Value> {
    let stop = (): void => {};
    const late = new Promise<never>((_, reject) => {
      stop = this.options.clock.after(ms, () => reject(new Error(`no answer within ${ms / 1000} s`)));
    });
    return Promise.race([promise, late]).finally(() => stop());
  }
}
