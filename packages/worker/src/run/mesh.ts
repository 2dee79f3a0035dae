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
  type Greeting,
  type FrameSink,
  type Link,
  type Listener,
  type Membership,
  type MeshFrame,
  type MemoryOffer,
  type MeshHello,
  type Outgoing,
  type Transport,
} from '@stillhouse/core/cluster';
import type { HostMemory, OwnMemory } from './host-memory.js';

export interface MeshOptions {
  /** HOST:PORT to listen on. */
  readonly address: string;
  readonly token: string;
  /** Called with links of workers that request blocks. */
  readonly onBlockLink: (link: Link) => void;
  /** Called with links of workers that measure how fast they get bytes from this one. */
  readonly onMeasureLink: (link: Link) => void;
  /** What workers of this host can share. */
  readonly memory?: HostMemory | undefined;
}

export interface MeshEvents {
  /** Where the numbers of a frame that begins to arrive belong; undefined to drop it. */
  readonly place: (from: number, header: FrameHeader) => Uint8Array | undefined;
  /** The peer gets frames from this worker, and this worker from it. */
  readonly onGreeted: (from: number) => void;
  readonly onFrame: (from: number, frame: MeshFrame) => void;
  /** A link broke or, while linking, could not be made. */
  readonly onLost: (from: number, what: { linking: boolean; reason: string }) => void;
}

/** The links of one generation, and the memory that members of the same host share. */
class Generation {
  /** Links over which peers receive from this worker, by their index. */
  readonly outgoing = new Map<number, Link>();
  /** Those that a later one has replaced. */
  readonly former: Link[] = [];
  readonly incoming: Link[] = [];
  readonly #awaited = new Map<number, () => void>();
  /** Memory that peers offer, and files of it that this worker reads, by their index; and whether they read its. */
  readonly #offers = new Map<number, MemoryOffer | undefined>();
  readonly #opened = new Map<number, number>();
  readonly #reads = new Map<number, boolean>();
  readonly #greetings = new Map<number, () => void>();
  #own: OwnMemory | undefined;
  isCut = false;
  /** Peers have connected for it, and this worker has not entered it. */
  isAhead = true;

  constructor(
    readonly number: number,
    private readonly memory: HostMemory | undefined,
  ) {}

  /** Peers that have connected already hear from this worker now: before, it opens no files of theirs. */
  enter(): void {
    this.isAhead = false;
    for (const [index, link] of this.outgoing) this.#greet(index, link);
  }

  #greet(index: number, link: Link): void {
    const reads = this.#accepts(index, this.#offers.get(index));
    link.send(encodeHeader({ type: 'greeting', generation: this.number, reads, count: 0 }));
  }

  /** What this worker offers to the others. */
  offer(): MemoryOffer | undefined {
    this.#own ??= this.memory?.create();
    return this.#own?.offer;
  }

  /** Resolves when the peer listens. */
  heardBy(index: number): Promise<void> {
    return this.outgoing.has(index) ? Promise.resolve() : new Promise((arrived) => this.#awaited.set(index, arrived));
  }

  /** Resolves when the peer has said whether it reads this worker's memory. */
  greetedBy(index: number): Promise<void> {
    return this.#reads.has(index) ? Promise.resolve() : new Promise((greeted) => this.#greetings.set(index, greeted));
  }

  greeted(index: number, reads: boolean): void {
    this.#reads.set(index, reads);
    this.#greetings.get(index)?.();
  }

  /** Whether this worker reads the memory that a peer offers. It may be in use: what is offered again is the same. */
  #accepts(index: number, offer: MemoryOffer | undefined): boolean {
    if (!this.#opened.has(index)) {
      const file = offer && this.memory?.open(offer);
      if (file !== undefined) this.#opened.set(index, file);
    }
    return this.#opened.has(index);
  }

  /** The files of the members of this host that share memory both ways, and its own; none if there are none. */
  files(self: number, mates: ReadonlySet<number>): Map<number, number> {
    const shared = [...this.#opened].filter(([index]) => mates.has(index) && this.#reads.get(index));
    return new Map(shared.length > 0 && this.#own ? [...shared, [self, this.#own.file]] : []);
  }

  /** A peer has connected to this worker, which greets it once it is in the generation as well. */
  arrived(index: number, link: Link, offer: MemoryOffer | undefined): void {
    // A peer that tries again to enter the generation connects again.
    const before = this.outgoing.get(index);
    if (before && before !== link) this.former.push(before);
    if (this.former.length > limits.workerCount) return link.abort();
    this.outgoing.set(index, link);
    this.#offers.set(index, offer);
    if (!this.isAhead) this.#greet(index, link);
    this.#awaited.get(index)?.();
  }

  cut(): void {
    this.isCut = true;
    for (const link of [...this.outgoing.values(), ...this.former, ...this.incoming]) link.abort();
    // What appears in memory stays there.
    for (const file of this.#opened.values()) this.memory!.close(file);
    if (this.#own) this.memory!.close(this.#own.file);
  }
}

/** Hands frames on while the generation's links are whole. A frame that is not valid is a link that cannot be made. */
function sinkOf(
  links: Generation,
  { from, events, lost }: { from: number; events: MeshEvents; lost: (reason: string) => void },
): FrameSink {
  let header: FrameHeader | Greeting;
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
      return header.type === 'greeting' ? new Uint8Array(0) : events.place(from, header);
    },
    arrived(data) {
      if (links.isCut) return;
      if (header.type === 'greeting') links.greeted(from, header.reads);
      else events.onFrame(from, { header, data });
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

export class Mesh {
  #listener: Listener | undefined;
  readonly #generations = new Map<number, Generation>();
  #oldest = 0;

  private constructor(
    private readonly transport: Transport,
    private readonly options: MeshOptions,
  ) {}

  static async open(transport: Transport, options: MeshOptions): Promise<Mesh> {
    const mesh = new Mesh(transport, options);
    mesh.#listener = await transport.listen(options.address, (link) => mesh.#accept(link));
    return mesh;
  }

  get address(): string {
    return this.#listener!.address;
  }

  /**
   * Resolves when this worker is linked both ways with every other member.
   * @param addresses where each member is reached
   * @returns files with the sums of members that share memory with this one, and its own, by member
   */
  async link(
    { generation, self, hosts }: Pick<Membership, 'generation' | 'self' | 'hosts'>,
    addresses: readonly string[],
    events: MeshEvents,
  ): Promise<Map<number, number>> {
    const links = this.#generation(generation);
    links.enter();
    const mates = new Set(hosts?.flatMap((host, index) => (host === hosts[self] && index !== self ? [index] : [])));
    const memory = mates.size > 0 ? links.offer() : undefined;
    const helloTo = (index: number): MeshHello => ({
      token: this.options.token,
      generation,
      index: self,
      ...(memory && mates.has(index) ? { memory } : {}),
    });
    const linkWith = async (index: number, address: string): Promise<void> => {
      const connecting = this.#connect(links, { address, index, hello: helloTo(index) }, events);
      await Promise.all([links.heardBy(index), connecting, links.greetedBy(index)]);
      events.onGreeted(index);
    };
    await Promise.all(addresses.flatMap((address, index) => (index === self ? [] : [linkWith(index, address)])));
    return links.files(self, mates);
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
    if (!links) this.#generations.set(generation, (links = new Generation(generation, this.options.memory)));
    return links;
  }

  #accept(link: Link): void {
    link.onFrame((frame) => {
      let hello: MeshHello;
      try {
        hello = decodeMeshHello(frame);
        if (hello.token !== this.options.token)
          throw new StillhouseError('TOKEN_REJECTED', 'the token between workers is not the one of this run');
      } catch (error) {
        link.close(messageOf(error));
        return;
      }
      if ('blocks' in hello) {
        link.admit({ frameBytes: limits.helloBytes, queuedBytes: limits.blockQueuedBytes });
        return this.options.onBlockLink(link);
      }
      if ('measures' in hello) return this.options.onMeasureLink(link);
      // A receiver sends nothing more, apart from a hello that comes twice.
      link.onFrame(() => {});
      // A peer may be in a later generation, but one in an earlier generation is not served.
      if (hello.generation < this.#oldest) return link.abort();
      link.admit({ frameBytes: limits.helloBytes });
      const links = this.#generation(hello.generation);
      links.arrived(hello.index, link, hello.memory);
      this.#forgetUnlikely();
    });
  }
}
