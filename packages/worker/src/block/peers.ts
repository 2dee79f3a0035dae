// Blocks from one worker to another, over separate links: requests go one way, answers the other.
import { limits, messageOf } from '@stillhouse/core';
import {
  decodeBlockAnswer,
  decodeBlockQuestion,
  encodeMessage,
  type BlockAnswer,
  type BlockQuestion,
  type Clock,
  type Link,
  type MeshHello,
  type Transport,
} from '@stillhouse/core/cluster';
import type { BlockSource } from '@stillhouse/datasets';

export interface PeerBlocksOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Token for links between workers of the run. */
  readonly token: string;
  /** What this worker hands out. */
  readonly cache: BlockSource | undefined;
  readonly log: (message: string) => void;
}

/** A peer, and what was requested from it. */
interface Peer {
  readonly link: Promise<Link>;
  readonly waiting: Map<string, (bytes: Uint8Array | undefined) => void>;
}

export class PeerBlocks {
  readonly #peers = new Map<string, Peer>();
  /** Until when a peer that did not answer is not asked again. */
  readonly #restsUntilMs = new Map<string, number>();
  readonly #served = new Set<Link>();

  constructor(private readonly options: PeerBlocksOptions) {}

  /**
   * The bytes as they arrive, for the caller to verify; undefined if the peer does not have them, or does not answer in
   * time. A block is requested from a peer only once at a time.
   */
  async fetch(address: string, hash: string): Promise<Uint8Array | undefined> {
    const { clock } = this.options;
    if (clock.now() < (this.#restsUntilMs.get(address) ?? -Infinity)) return undefined;
    const peer = this.#peers.get(address) ?? this.#connect(address);
    return new Promise((resolve) => {
      const stopWaiting = clock.after(limits.peerBlockMs, () =>
        this.#drop(address, `it did not answer within ${limits.peerBlockMs / 1000} s`),
      );
      peer.waiting.set(hash, (bytes) => {
        stopWaiting();
        peer.waiting.delete(hash);
        resolve(bytes);
      });
      peer.link.then(
        (link) => link.send(...encodeMessage({ type: 'getBlock', hash } satisfies BlockQuestion)),
        () => {},
      );
    });
  }

  /** Answers a worker that requests blocks. */
  serve(link: Link): void {
    this.#served.add(link);
    link.onClose(() => this.#served.delete(link));
    let reading = 0;
    link.onFrame((frame) => {
      let hash: string;
      try {
        ({ hash } = decodeBlockQuestion(frame));
      } catch (error) {
        return link.close(messageOf(error));
      }
      // Each takes the memory of a block.
      if (++reading > limits.blockQuestionsAtOnce) return link.close('too many requests at once');
      void this.#read(hash).then((bytes) => {
        reading -= 1;
        link.send(
          ...encodeMessage((bytes ? { type: 'block', hash, bytes } : { type: 'noBlock', hash }) satisfies BlockAnswer),
        );
      });
    });
  }

  close(): void {
    for (const address of [...this.#peers.keys()]) this.#drop(address, undefined);
    for (const link of this.#served) link.abort();
  }

  async #read(hash: string): Promise<Uint8Array | undefined> {
    try {
      return await this.options.cache?.read(hash);
    } catch (error) {
      this.options.log(messageOf(error));
      return undefined;
    }
  }

  #connect(address: string): Peer {
    const { token, transport } = this.options;
    const peer: Peer = { link: transport.connect(address), waiting: new Map() };
    this.#peers.set(address, peer);
    peer.link.then(
      (link) => {
        if (this.#peers.get(address) !== peer) return link.abort();
        link.onFrame((frame) => {
          try {
            const answer = decodeBlockAnswer(frame);
            peer.waiting.get(answer.hash)?.(answer.type === 'block' ? answer.bytes : undefined);
          } catch (error) {
            this.#drop(address, messageOf(error));
          }
        });
        link.onClose(
          (reason) => this.#peers.get(address) === peer && this.#drop(address, reason || 'its connection closed'),
        );
        link.send(...encodeMessage({ token, blocks: true } satisfies MeshHello));
      },
      (error: unknown) => this.#peers.get(address) === peer && this.#drop(address, messageOf(error)),
    );
    return peer;
  }

  /**
   * Gives up what was requested from a peer, and does not ask it again for a while; a peer that owes nothing may leave.
   */
  #drop(address: string, why: string | undefined): void {
    const peer = this.#peers.get(address);
    if (!peer) return;
    this.#peers.delete(address);
    if (why !== undefined && peer.waiting.size > 0) {
      this.#restsUntilMs.set(address, this.options.clock.now() + limits.peerRestMs);
      this.options.log(`no blocks from ${address}: ${why}; they come from the coordinator`);
    }
    peer.link.then(
      (link) => link.abort(),
      () => {},
    );
    for (const resolve of [...peer.waiting.values()]) resolve(undefined);
  }
}
