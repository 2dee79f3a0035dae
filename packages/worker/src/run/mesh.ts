// Links between workers. For each ordered pair the receiver connects to the sender, because WebSocket masks what
// clients send: gradients flow from server to client. A hello opens each link; from then on it carries frames one way.
import { limits, messageOf, StillhouseError } from '@stillhouse/core';
import {
  decodeHeader,
  decodeMeshHello,
  encodeHeader,
  encodeMessage,
  headerBytes,
  type FrameHeader,
  type FrameSink,
  type Link,
  type Listener,
  type Membership,
  type MeshFrame,
  type MeshHello,
  type Outgoing,
  type Transport,
} from '@stillhouse/core/cluster';

export interface MeshEvents {
  /** Where the numbers of a frame that begins to arrive belong; undefined to drop it. */
  readonly place: (from: number, header: FrameHeader) => Uint8Array | undefined;
  readonly onFrame: (from: number, frame: MeshFrame) => void;
  /** A link broke or, while linking, could not be made. */
  readonly onLost: (from: number, what: { linking: boolean; reason: string }) => void;
}

/** The links of one generation. */
class Generation {
  /** Links over which peers receive from this worker, by their index. */
  readonly outgoing = new Map<number, Link>();
  /** Those that a later one has replaced. */
  readonly former: Link[] = [];
  readonly incoming: Link[] = [];
  readonly #awaited = new Map<number, () => void>();
  isCut = false;
  /** Peers have connected for it, and this worker has not entered it. */
  isAhead = true;

  /** Resolves when the peer listens. */
  heardBy(index: number): Promise<void> {
    return this.outgoing.has(index) ? Promise.resolve() : new Promise((arrived) => this.#awaited.set(index, arrived));
  }

  arrived(index: number, link: Link): void {
    // A peer that tries again to enter the generation connects again.
    const before = this.outgoing.get(index);
    if (before && before !== link) this.former.push(before);
    if (this.former.length > limits.workerCount) return link.abort();
    this.outgoing.set(index, link);
    this.#awaited.get(index)?.();
  }

  cut(): void {
    this.isCut = true;
    for (const link of [...this.outgoing.values(), ...this.former, ...this.incoming]) link.abort();
  }
}

/** Hands frames on while the generation's links are whole. A frame that is not valid is a link that cannot be made. */
function sinkOf(
  links: Generation,
  { from, events, lost }: { from: number; events: MeshEvents; lost: (reason: string) => void },
): FrameSink {
  let header: FrameHeader;
  return {
    headerBytes,
    place(bytes) {
      if (links.isCut) return undefined;
      try {
        header = decodeHeader(bytes);
      } catch (error) {
        lost(messageOf(error));
        return undefined;
      }
      return events.place(from, header);
    },
    arrived(data) {
      if (!links.isCut) events.onFrame(from, { header, data });
    },
    misfit(bytes) {
      lost(`a frame between workers is not valid: ${bytes} bytes`);
    },
  };
}

/** Receives through whole frames if the link cannot do better. */
function receiveInto(link: Link, sink: FrameSink): void {
  if (link.receiveInto) return link.receiveInto(sink);
  link.onFrame((frame) => {
    if (frame.byteLength < sink.headerBytes) return sink.misfit(frame.byteLength);
    const place = sink.place(frame.subarray(0, sink.headerBytes));
    const data = frame.subarray(sink.headerBytes);
    if (!place) return;
    if (data.byteLength !== place.byteLength) return sink.misfit(frame.byteLength);
    place.set(data);
    sink.arrived(place);
  });
}

/** What to do with links over which no frames travel. */
export interface OtherLinks {
  /** A worker requests blocks. */
  readonly onBlockLink: (link: Link) => void;
  /** A worker measures how fast it gets bytes from this one. */
  readonly onMeasureLink: (link: Link) => void;
}

export class Mesh {
  #listener: Listener | undefined;
  readonly #generations = new Map<number, Generation>();
  #oldest = 0;

  private constructor(
    private readonly transport: Transport,
    private readonly token: string,
    private readonly onOther: OtherLinks,
  ) {}

  /**
   * @param address HOST:PORT to listen on
   */
  static async open(
    transport: Transport,
    { address, token, ...onOther }: { address: string; token: string } & OtherLinks,
  ): Promise<Mesh> {
    const mesh = new Mesh(transport, token, onOther);
    mesh.#listener = await transport.listen(address, (link) => mesh.#accept(link));
    return mesh;
  }

  get address(): string {
    return this.#listener!.address;
  }

  /** Resolves when this worker is linked both ways with every other member. */
  async link({ generation, members, self }: Membership, events: MeshEvents): Promise<void> {
    const links = this.#generation(generation);
    links.isAhead = false;
    const peers = members.flatMap((member, index) => (index === self ? [] : [{ ...member, index }]));
    await Promise.all(
      peers.flatMap(({ meshAddress, index }) => [
        links.heardBy(index),
        this.#connect(
          links,
          { address: meshAddress, index, hello: { token: this.token, generation, index: self } },
          events,
        ),
      ]),
    );
  }

  /** Resolves when this worker receives from the peer; if it cannot be reached, reports that and never resolves. */
  async #connect(
    links: Generation,
    peer: { address: string; index: number; hello: MeshHello },
    events: MeshEvents,
  ): Promise<void> {
    const { address, index, hello } = peer;
    const lost = (linking: boolean, reason: string): void => {
      if (!links.isCut) events.onLost(index, { linking, reason });
    };
    let link: Link;
    try {
      link = await this.transport.connect(address);
    } catch (cause) {
      lost(true, messageOf(cause));
      return new Promise(() => {});
    }
    links.incoming.push(link);
    if (links.isCut) return link.abort();
    receiveInto(link, sinkOf(links, { from: index, events, lost: (reason) => lost(true, reason) }));
    link.onClose((reason) => lost(false, reason || 'its connection closed'));
    link.send(...encodeMessage(hello));
  }

  send(generation: number, outgoing: readonly Outgoing[]): void {
    for (const { to, frame } of outgoing)
      this.#generations.get(generation)?.outgoing.get(to)?.send(encodeHeader(frame.header), frame.data);
  }

  /** Cuts the links of all earlier generations. */
  unlink(before: number): void {
    this.#oldest = Math.max(this.#oldest, before);
    for (const [generation, links] of this.#generations) {
      if (generation >= before) continue;
      links.cut();
      this.#generations.delete(generation);
    }
  }

  async close(): Promise<void> {
    this.unlink(Infinity);
    await this.#listener?.close();
  }

  /** Peers are ahead by a few generations at most; hellos for ever more generations must not take ever more memory. */
  #forgetUnlikely(): void {
    const ahead = [...this.#generations].filter(([, links]) => links.isAhead);
    for (const [generation, links] of ahead.slice(0, -limits.generationsAhead)) {
      links.cut();
      this.#generations.delete(generation);
    }
  }

  #generation(generation: number): Generation {
    let links = this.#generations.get(generation);
    if (!links) this.#generations.set(generation, (links = new Generation()));
    return links;
  }

  #accept(link: Link): void {
    link.onFrame((frame) => {
      let hello: MeshHello;
      try {
        hello = decodeMeshHello(frame);
        if (hello.token !== this.token)
          throw new StillhouseError('TOKEN_REJECTED', 'the token between workers is not the one of this run');
      } catch (error) {
        link.close(messageOf(error));
        return;
      }
      if ('blocks' in hello) {
        link.admit({ frameBytes: limits.helloBytes, queuedBytes: limits.blockQueuedBytes });
        return this.onOther.onBlockLink(link);
      }
      if ('measures' in hello) return this.onOther.onMeasureLink(link);
      // A receiver sends nothing more, apart from a hello that comes twice.
      link.onFrame(() => {});
      // A peer may be in a later generation, but one in an earlier generation is not served.
      if (hello.generation < this.#oldest) return link.abort();
      link.admit({ frameBytes: limits.helloBytes });
      this.#generation(hello.generation).arrived(hello.index, link);
      this.#forgetUnlikely();
    });
  }
}
